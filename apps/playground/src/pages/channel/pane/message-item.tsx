import type { MessageRow } from "../model/message-log.ts";
import type { RoomSession } from "../model/room-session.ts";

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** One message of the log. Own ones say how far they have come. */
export function MessageItem({ row, session }: { row: MessageRow; session: RoomSession }) {
  const author = session.authorOf(row.user);
  const own = row.user === session.person.user;
  return (
    <article
      class="message"
      data-hue={author.hue}
      data-state={row.state}
      data-own={own}
      data-offset={row.offset ?? undefined}
      data-key={row.key ?? undefined}
    >
      <span
        class="message-offset"
        title={row.offset === null ? "Not in the log yet" : `Offset ${row.offset}`}
      >
        {row.offset ?? "–"}
      </span>
      <i class="message-node" />
      <div class="message-body">
        <p class="message-meta">
          <span class="message-author">{author.name}</span>
          <time dateTime={new Date(row.atMs).toISOString()}>{TIME.format(row.atMs)}</time>
          {row.recovered && <span class="message-recovered">recovered</span>}
          {own && <span class="message-state">{stateWord(row, session)}</span>}
        </p>
        <p class="message-text">{row.text}</p>
        {row.state === "failed" && <Refusal row={row} session={session} />}
      </div>
    </article>
  );
}

function stateWord(row: MessageRow, session: RoomSession): string {
  if (row.state === "failed") return "not saved";
  return row.state === "sending" && session.status.value.state !== "connected" ? "waiting" : row.state;
}

function Refusal({ row, session }: { row: MessageRow; session: RoomSession }) {
  const { error, key } = row;
  if (!error || key === null) return null;
  return (
    <div class="refusal">
      <p>
        {error.message} <code>{error.code}</code>
      </p>
      <p class="notice-fix">{error.fix}</p>
      <button type="button" class="link-button" onClick={() => session.retry(key)}>
        Send again
      </button>
      <button type="button" class="link-button" onClick={() => session.discard(key)}>
        Discard
      </button>
    </div>
  );
}
