import { PeopleList } from "../pane/people-list.tsx";
import type { PersonHere } from "../session/person.ts";

/** Who has the document open, and whether this pane has all of it. */
export function UsersRow(props: {
  /** Null where the wire does not tell. */
  users: readonly PersonHere[] | null;
  ownClientId: number;
  here: boolean;
  synced: boolean;
}) {
  const { users, ownClientId, here, synced } = props;
  const state = synced ? "synced" : here ? "syncing" : "behind";
  return (
    <div class="people" data-stale={!here}>
      {users ? (
        <PeopleList
          people={users}
          isOwn={({ id }) => id === String(ownClientId)}
          here={here}
          testId="users"
        />
      ) : (
        <p class="members-empty">This wire has no words for cursors.</p>
      )}
      <p class="sync-state" data-testid="synced" data-state={state}>
        {SYNC_TEXTS[state]}
      </p>
    </div>
  );
}

const SYNC_TEXTS = {
  synced: "synced",
  syncing: "syncing…",
  behind: "not synced",
} as const;
