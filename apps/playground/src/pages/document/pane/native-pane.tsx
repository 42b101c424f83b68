import { Editor } from "../../../editing/editor.tsx";
import { UsersRow } from "../../../editing/users-row.tsx";
import { ConnectionBadge } from "../../../pane/connection-badge.tsx";
import { ConnectionControls } from "../../../pane/connection-controls.tsx";
import { ConnectionNotices } from "../../../pane/connection-notices.tsx";
import { ErrorNotice } from "../../../pane/error-notice.tsx";
import { PaneHead } from "../../../pane/pane-head.tsx";
import { SaveStateBadge } from "../../../pane/save-state-badge.tsx";
import { WireLog } from "../../../pane/wire-log.tsx";
import type { Side } from "../../../session/identity.ts";
import type { DocumentSession } from "../model/document-session.ts";

/** One user's view of the document, over the native wire. */
export function NativePane(props: { side: Side; session: DocumentSession; reopen: () => void }) {
  const { side, session, reopen } = props;
  const nameId = `pane-${side}-name`;
  const { save, saveError, synced, readOnly } = session.state.value;
  const subscription = session.subscription.value;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={session.person}>
        <ConnectionBadge line={session} />
        <SaveStateBadge save={save} />
      </PaneHead>
      <ConnectionControls line={session} />
      <ConnectionNotices line={session}>
        {session.replaced.value ? (
          <div class="notice" data-tone="fail" role="alert">
            <p>
              <strong>Replaced.</strong> The server holds another document under this name now. The text below
              is your copy of the old one: take from it what you need.
            </p>
            <button type="button" class="button" onClick={reopen}>
              Open the new one
            </button>
          </div>
        ) : (
          subscription.state === "unsubscribed" &&
          subscription.error && <ErrorNotice title="The document was refused" error={subscription.error} />
        )}
        {saveError && subscription.state === "subscribed" && (
          <ErrorNotice title="Not saved" error={saveError} />
        )}
        {readOnly && (
          <p class="notice" data-tone="wait">
            You may read this document, not write it.
          </p>
        )}
      </ConnectionNotices>
      <UsersRow
        users={session.users.value}
        ownClientId={session.awareness.clientID}
        here={session.status.value.state === "connected"}
        synced={synced}
      />
      <Editor edited={session} label={`Document, as ${session.person.name} sees it`} readOnly={readOnly} />
      <WireLog line={session} side={side} />
    </section>
  );
}
