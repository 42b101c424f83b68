import type { DocumentLine } from "../../../editing/document-line.ts";
import { Editor } from "../../../editing/editor.tsx";
import { LineBadge } from "../../../editing/line-badge.tsx";
import { LineControls } from "../../../editing/line-controls.tsx";
import { LineNotices } from "../../../editing/line-notices.tsx";
import type { EditedText } from "../../../editing/shared-text.ts";
import { UsersRow } from "../../../editing/users-row.tsx";
import { PaneHead } from "../../../pane/pane-head.tsx";
import type { Side } from "../../../session/identity.ts";

/** One user's view of the same document, over the y-websocket provider as it is published. */
export function StockPane(props: {
  side: Side;
  line: DocumentLine;
  edited: EditedText;
  name: string;
  reopen: () => void;
}) {
  const { side, line, edited, name, reopen } = props;
  const nameId = `pane-${side}-name`;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={line.person}>
        <LineBadge line={line} />
        <p class="badge badge-kind">y-websocket</p>
      </PaneHead>
      <LineControls line={line} />
      <LineNotices line={line} reopen={reopen} />
      <UsersRow
        users={line.users.value}
        ownClientId={line.doc.clientID}
        here={line.status.value.state === "connected"}
        synced={line.synced.value}
      />
      <Editor
        edited={edited}
        label={`Document, as ${line.person.name} sees it`}
        readOnly={line.readOnly.value}
      />
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
