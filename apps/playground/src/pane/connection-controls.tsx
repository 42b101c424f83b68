import type { UserLine } from "../session/user-client.ts";

/** What can go wrong, at the press of a button. */
export function ConnectionControls({ line }: { line: UserLine }) {
  const status = line.status.value;
  const { state } = status;
  const offline = status.state === "disconnected" && status.retryAtMs === undefined;
  return (
    <fieldset class="controls">
      <legend class="visually-hidden">Connection of {line.person.name}</legend>
      <button
        type="button"
        class="button"
        data-testid="drop"
        disabled={state !== "connected"}
        title="Cuts the socket as a failing network would. The client comes back by itself."
        onClick={line.drop}
      >
        Drop connection
      </button>
      <button
        type="button"
        class="button"
        data-testid="offline-toggle"
        disabled={state === "failed" || state === "closed"}
        title={offline ? "Connects, recovers and sends what waits." : "Stays away until you go online again."}
        onClick={offline ? line.goOnline : line.goOffline}
      >
        {offline ? "Go online" : "Go offline"}
      </button>
      <button
        type="button"
        class="button"
        data-testid="expire"
        disabled={state !== "connected"}
        title="Takes a token that ends in six seconds. The client refreshes it before it does."
        onClick={line.expireToken}
      >
        Expire token
      </button>
    </fieldset>
  );
}
