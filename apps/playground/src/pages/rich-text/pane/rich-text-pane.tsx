import type { DocumentLine } from "../../../editing/document-line.ts";
import { DeliveryBadge, LineBadge } from "../../../editing/line-badge.tsx";
import { LineControls } from "../../../editing/line-controls.tsx";
import { LineNotices } from "../../../editing/line-notices.tsx";
import { UsersRow } from "../../../editing/users-row.tsx";
import { PaneHead } from "../../../pane/pane-head.tsx";
import { WireLog } from "../../../pane/wire-log.tsx";
import type { Side } from "../../../session/identity.ts";
import { RichEditor } from "./rich-editor.tsx";

/** One user's view of the rich text. */
export function RichTextPane({ side, line, reopen }: { side: Side; line: DocumentLine; reopen: () => void }) {
  const nameId = `pane-${side}-name`;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={line.person}>
        <LineBadge line={line} />
        <DeliveryBadge delivery={line.delivery.value} />
      </PaneHead>
      <LineControls line={line} />
      <LineNotices line={line} reopen={reopen} />
      <UsersRow
        users={line.users.value}
        ownClientId={line.doc.clientID}
        here={line.status.value.state === "connected"}
        synced={line.synced.value}
      />
      <RichEditor
        line={line}
        label={`Rich text, as ${line.person.name} sees it`}
        readOnly={line.readOnly.value}
      />
      <WireLog line={line} side={side} />
    </section>
  );
}
