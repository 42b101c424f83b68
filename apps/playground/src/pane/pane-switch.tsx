import type { Signal } from "@preact/signals";
import type { Side } from "../session/identity.ts";

/** Where there is room for one pane only: which. */
export function PaneSwitch(props: {
  shown: Signal<Side>;
  panes: readonly { readonly side: Side; readonly name: string; readonly state: string }[];
}) {
  const { shown, panes } = props;
  return (
    <fieldset class="segmented pane-switch">
      <legend class="visually-hidden">Show the pane of</legend>
      {panes.map(({ side, name, state }) => (
        <label key={side} class="segment">
          <input
            class="visually-hidden"
            type="radio"
            name="pane"
            value={side}
            checked={shown.value === side}
            onChange={() => {
              shown.value = side;
            }}
          />
          <span>
            <i class="dot" data-state={state} />
            {name}
          </span>
        </label>
      ))}
    </fieldset>
  );
}
