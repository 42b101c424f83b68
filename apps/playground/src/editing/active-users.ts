import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import type { PersonHere } from "../session/person.ts";
import type { EditorAwareness } from "./shared-text.ts";
import { parseUserState } from "./user-state.ts";

export interface ActiveUsers {
  /** Whoever shows a user: the own one first, the others in the order of their client ids. */
  readonly users: ReadonlySignal<readonly PersonHere[]>;
  close(): void;
}

/** Who is in a document, by its awareness. */
export function watchActiveUsers(awareness: EditorAwareness): ActiveUsers {
  const users = signal(readUsers(awareness));
  const read = () => {
    const next = readUsers(awareness);
    // A moving cursor is a change of awareness too, but not of who is here.
    if (JSON.stringify(next) !== JSON.stringify(users.peek())) users.value = next;
  };
  awareness.on("change", read);
  return { users, close: () => awareness.off("change", read) };
}

function readUsers({ clientID, states }: EditorAwareness): readonly PersonHere[] {
  return [...states]
    .sort(([a], [b]) => Number(b === clientID) - Number(a === clientID) || a - b)
    .map(([id, state]) => parseUserState(id, state))
    .filter((person) => person !== null);
}
