import { PeopleList } from "../../../pane/people-list.tsx";
import type { RoomSession } from "../model/room-session.ts";

/** Who is here, and who types. */
export function MemberList({ session }: { session: RoomSession }) {
  const here = session.status.value.state === "connected";
  return (
    <div class="people" data-stale={!here}>
      <PeopleList
        people={session.members.value}
        isOwn={({ user }) => user === session.person.user}
        here={here}
        testId="members"
      />
      <p class="typing" data-testid="typing" aria-live="off">
        {typingText(session.typing.value)}
      </p>
    </div>
  );
}

function typingText(names: readonly string[]): string {
  if (names.length === 0) return "";
  if (names.length === 1) return `${names[0]} is typing…`;
  return names.length === 2 ? `${names[0]} and ${names[1]} are typing…` : "Several people are typing…";
}
