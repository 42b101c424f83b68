import type { ComponentChildren } from "preact";
import type { Person } from "../session/person.ts";

/** Whose pane it is; `children` are its badges. */
export function PaneHead({
  id,
  person,
  children,
}: {
  id: string;
  person: Person;
  children: ComponentChildren;
}) {
  return (
    <header class="pane-head">
      <span class="avatar" data-hue={person.hue} aria-hidden="true">
        {person.name.charAt(0)}
      </span>
      <div class="pane-who">
        <h2 id={id}>{person.name}</h2>
        <code class="pane-user">{person.user}</code>
      </div>
      <div class="pane-state">{children}</div>
    </header>
  );
}
