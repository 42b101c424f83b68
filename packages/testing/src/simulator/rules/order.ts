import type { Evidence } from "../checker.ts";
import { type Publication, SERVER } from "../history.ts";

/** Faults that make a server put requests off, or refuse them. */
const PUTTING_OFF = ["failing flush", "failing read", "slow flush", "restart"];

/**
 * A publication that the server put off may be overtaken by those that were on their way already: the client's queue says
 * so. One that was sent again may have been put off unheard, if there was reason to. All others keep the order in which
 * they were made.
 */
export function* checkOrder({ history, settings }: Evidence): Generator<string> {
  const wasPutOffUnheard =
    settings.requestsInFlightMax < 256 ||
    // What is trimmed before it is sent again is published again: keys are kept with their entries.
    settings.entriesMax < history.publications.length ||
    history.happenings.some(
      (one) => one.kind === "action" && PUTTING_OFF.some((name) => one.text.startsWith(name)),
    );
  const last = new Map<string, { publication: Publication; offset: number }>();
  for (const publication of history.publications) {
    const { client, topic, outcome, id, content } = publication;
    const mayBeOvertaken =
      publication.wasPutOff ||
      (publication.timesSent > 1 && wasPutOffUnheard) ||
      id !== content ||
      client === SERVER;
    if (outcome?.kind !== "acked" || outcome.position === null || mayBeOvertaken) continue;
    const { epoch, offset } = outcome.position;
    const lane = `${client} ${topic} ${epoch}`;
    const before = last.get(lane);
    last.set(lane, { publication, offset });
    if (before !== undefined && before.offset >= offset)
      yield `${client} published ${before.publication.id} before ${id} to ${topic}, but they are at ${before.offset} and ${offset}`;
  }
}
