import type { Side } from "../../../session/identity.ts";
import type { RunSession } from "../model/run-session.ts";
import { WAYS } from "../model/transports.ts";

/** What this pane reads the run over; it may change while the run goes on. */
export function TransportSwitch({ side, session }: { side: Side; session: RunSession }) {
  const chosen = session.way.value;
  return (
    <div class="transport">
      <fieldset class="segmented">
        <legend class="visually-hidden">Transport of {session.person.name}</legend>
        {WAYS.map(({ way, name, address }) => (
          <label key={way} class="segment" title={address}>
            <input
              class="visually-hidden"
              type="radio"
              name={`transport-${side}`}
              value={way}
              data-testid={`transport-${way}`}
              checked={chosen === way}
              onChange={() => session.switchTo(way)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      {session.canDrop.value && session.status.value.state !== "ended" && (
        <button
          type="button"
          class="link-button"
          data-testid="drop"
          title="Cuts the socket as a failing network would. The client comes back by itself."
          onClick={session.drop}
        >
          Drop connection
        </button>
      )}
    </div>
  );
}
