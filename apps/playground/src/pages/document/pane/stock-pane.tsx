import { PaneHead } from "../../../pane/pane-head.tsx";
import type { Side } from "../../../session/identity.ts";
import type { StockSession } from "../model/stock-session.ts";
import { Editor } from "./editor.tsx";
import { UsersRow } from "./users-row.tsx";

/** One user's view of the same document, over the y-websocket provider as it is published. */
export function StockPane({ side, session, name }: { side: Side; session: StockSession; name: string }) {
  const nameId = `pane-${side}-name`;
  const status = session.status.value;
  const failure = session.failure.value;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={session.person}>
        <p class="badge" data-testid="status" data-state={status}>
          <i class="dot" data-state={status} />
          <span role="status">{status}</span>
        </p>
        <p class="badge badge-kind">y-websocket</p>
      </PaneHead>
      <fieldset class="controls">
        <legend class="visually-hidden">Connection of {session.person.name}</legend>
        <button
          type="button"
          class="button"
          data-testid="disconnect"
          disabled={status === "disconnected"}
          title="provider.disconnect(): stays away until it is connected again."
          onClick={session.disconnect}
        >
          Disconnect
        </button>
        <button
          type="button"
          class="button"
          data-testid="connect"
          disabled={status !== "disconnected"}
          title="provider.connect(), with a fresh token."
          onClick={session.connect}
        >
          Connect
        </button>
      </fieldset>
      <div class="notices">
        {failure !== null && (
          <p class="notice" data-tone="fail" role="alert">
            <strong>Not connected.</strong> {failure}
          </p>
        )}
      </div>
      <UsersRow
        users={session.users.value}
        ownClientId={session.awareness.clientID}
        here={status === "connected"}
        synced={session.synced.value}
      />
      <Editor edited={session} label={`Document, as ${session.person.name} sees it`} />
      <StockNote name={name} />
    </section>
  );
}

function StockNote({ name }: { name: string }) {
  return (
    <aside class="stock-note" aria-label="What this pane is">
      <p>
        The published <code>y-websocket</code> package, unchanged: its users edit the same document, with the
        same access and on the same disk.
      </p>
      <pre>{`new WebsocketProvider("/yjs", "${name}", doc, {\n  params: { token },\n});`}</pre>
    </aside>
  );
}
