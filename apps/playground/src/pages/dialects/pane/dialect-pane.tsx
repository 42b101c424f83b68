import type { DocumentLine } from "../../../editing/document-line.ts";
import { Editor } from "../../../editing/editor.tsx";
import { DeliveryBadge, LineBadge } from "../../../editing/line-badge.tsx";
import { LineControls } from "../../../editing/line-controls.tsx";
import { LineNotices } from "../../../editing/line-notices.tsx";
import type { EditedText } from "../../../editing/shared-text.ts";
import { UsersRow } from "../../../editing/users-row.tsx";
import { PaneHead } from "../../../pane/pane-head.tsx";
import { WireLog } from "../../../pane/wire-log.tsx";
import type { Dialect } from "../model/dialects.ts";

/** One user's view of the document, over one dialect. */
export function DialectPane(props: {
  dialect: Dialect;
  line: DocumentLine;
  edited: EditedText;
  name: string;
  reopen: () => void;
}) {
  const { dialect, line, edited, name, reopen } = props;
  const { side } = dialect;
  const nameId = `pane-${side}-name`;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={line.person}>
        <LineBadge line={line} />
        <DeliveryBadge delivery={line.delivery.value} />
      </PaneHead>
      <div class="dialect-line">
        <p class="dialect-what">
          <strong>{dialect.name}</strong>
          <code>{dialect.address(name, line.person)}</code>
        </p>
        <LineControls line={line} />
      </div>
      <LineNotices line={line} reopen={reopen} />
      <UsersRow
        users={line.awareness && line.users.value}
        ownClientId={line.doc.clientID}
        here={line.status.value.state === "connected"}
        synced={line.synced.value}
      />
      <Editor
        edited={edited}
        label={`Document over ${dialect.name}, as ${line.person.name} sees it`}
        readOnly={line.readOnly.value}
      />
      <WireLog line={line} side={side} />
    </section>
  );
}
