import type { NoticeRow } from "../model/message-log.ts";

/** Something about the log itself: where this page came in, or what it can never show. */
export function NoticeItem({ row }: { row: NoticeRow }) {
  return (
    <div class="log-notice" data-kind={row.kind} data-testid={row.kind}>
      <span class="message-offset">{row.kind === "gap" ? "" : row.offset}</span>
      <i class="message-node" />
      <p>{textOf(row)}</p>
    </div>
  );
}

function textOf(row: NoticeRow): string {
  if (row.kind === "start") return `You joined after offset ${row.offset}. From here on nothing is missed.`;
  return row.reason === "reset"
    ? "Gap: the room's history was reset on the server. Earlier offsets no longer count; what follows is complete."
    : `Gap: messages up to offset ${row.offset} were removed before they could be recovered. What follows is complete.`;
}
