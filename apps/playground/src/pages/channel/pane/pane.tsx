import { ConnectionBadge } from "../../../pane/connection-badge.tsx";
import { ConnectionControls } from "../../../pane/connection-controls.tsx";
import { ConnectionNotices } from "../../../pane/connection-notices.tsx";
import { ErrorNotice } from "../../../pane/error-notice.tsx";
import { PaneHead } from "../../../pane/pane-head.tsx";
import { SaveStateBadge } from "../../../pane/save-state-badge.tsx";
import { WireLog } from "../../../pane/wire-log.tsx";
import type { Side } from "../../../session/identity.ts";
import type { RoomSession } from "../model/room-session.ts";
import { Composer } from "./composer.tsx";
import { MemberList } from "./member-list.tsx";
import { MessageList } from "./message-list.tsx";

/** One user's view of the room. */
export function Pane({ side, session }: { side: Side; session: RoomSession }) {
  const nameId = `pane-${side}-name`;
  const subscription = session.subscription.value;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={session.person}>
        <ConnectionBadge line={session} />
        <SaveStateBadge save={session.save.value} />
      </PaneHead>
      <ConnectionControls line={session} />
      <ConnectionNotices line={session}>
        {subscription.state === "unsubscribed" && subscription.error && (
          <ErrorNotice title="The room was refused" error={subscription.error} />
        )}
      </ConnectionNotices>
      <MemberList session={session} />
      <MessageList session={session} />
      <Composer session={session} side={side} />
      <WireLog line={session} side={side} />
    </section>
  );
}
