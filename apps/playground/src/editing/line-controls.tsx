import type { DocumentLine } from "./document-line.ts";

/** Takes the line away, and brings it back. */
export function LineControls({
  line,
}: {
  line: Pick<DocumentLine, "person" | "status" | "connect" | "disconnect">;
}) {
  const { state } = line.status.value;
  return (
    <fieldset class="controls">
      <legend class="visually-hidden">Connection of {line.person.name}</legend>
      <button
        type="button"
        class="button"
        data-testid="disconnect"
        disabled={state === "disconnected"}
        title="Stays away until it is connected again; the editor goes on."
        onClick={line.disconnect}
      >
        Disconnect
      </button>
      <button
        type="button"
        class="button"
        data-testid="connect"
        disabled={state !== "disconnected"}
        title="Connects with a fresh token, and sends what the server lacks."
        onClick={line.connect}
      >
        Connect
      </button>
    </fieldset>
  );
}
