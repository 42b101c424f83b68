import type { Entry } from "@plexline/server";
import type { Evidence } from "../checker.ts";

/** The content number of a log entry. */
export function contentOf(entry: Entry): number {
  const { payload } = JSON.parse(Buffer.from(entry.data).toString()) as { payload: { content: number } };
  return payload.content;
}

/** Refusals that say that nothing was published. */
const NOTHING_PUBLISHED: ReadonlySet<string> = new Set([
  "STORAGE_UNAVAILABLE",
  "QUEUE_FULL",
  "QUEUE_EXPIRED",
]);

export function* checkLog({ history, end }: Evidence): Generator<string> {
  const offsets = new Map<number, number[]>();
  for (const entry of end.archived) {
    const content = contentOf(entry);
    offsets.set(content, [...(offsets.get(content) ?? []), entry.offset]);
  }
  for (const { id, content, topic, outcome, isSentOnce } of history.publications) {
    if (topic !== "disk:1") continue;
    const places = offsets.get(content);
    if (outcome?.kind === "acked" && outcome.position !== null && !places?.includes(outcome.position.offset))
      yield `publication ${id} was acknowledged at ${outcome.position.offset}, where the log does not have it`;
    if (
      outcome?.kind === "refused" &&
      isSentOnce &&
      NOTHING_PUBLISHED.has(outcome.code) &&
      places !== undefined
    )
      yield `publication ${id} was refused with ${outcome.code} and is in the log`;
  }
  for (const happening of history.happenings) {
    if (happening.kind !== "pushed" || happening.position === null || happening.seat.topic !== "disk:1")
      continue;
    const { seat, content, position } = happening;
    if (!offsets.get(content)?.includes(position.offset))
      yield `${seat.client} saw publication ${content} at ${position.offset}, which is not in the log`;
  }
}
