import type { Position } from "@plexline/protocol";
import type { Evidence } from "../checker.ts";
import { contentOf } from "./log.ts";

/** Somebody's word that a content stands at a place of a topic's log. */
interface Claim {
  readonly topic: string;
  readonly position: Position;
  readonly content: number;
  readonly by: string;
}

export function* checkContents(evidence: Evidence): Generator<string> {
  const byPlace = new Map<string, Claim>();
  const byContent = new Map<string, Claim>();
  for (const claim of claimsOf(evidence)) {
    const { topic, position, content, by } = claim;
    const log = `${topic} ${position.epoch}`;
    const there = entryOf(byPlace, `${log}:${position.offset}`, claim);
    if (there.content !== content)
      yield `${log}:${position.offset} is ${there.content} for ${there.by} and ${content} for ${by}`;
    const same = entryOf(byContent, `${log} ${content}`, claim);
    // A key is kept with its entry: once that has been trimmed, a topic that is opened again does not know the key.
    const distance = Math.abs(same.position.offset - position.offset);
    if (distance > 0 && distance <= evidence.settings.entriesMax)
      yield `publication ${content} is at ${log}:${same.position.offset} for ${same.by} and at ${position.offset} for ${by}`;
  }
}

/** The first claim under a key. */
function entryOf(claims: Map<string, Claim>, key: string, claim: Claim): Claim {
  const known = claims.get(key);
  if (known === undefined) claims.set(key, claim);
  return known ?? claim;
}

function* claimsOf({ history, end }: Evidence): Generator<Claim> {
  const epoch = end.heads.get("disk:1")?.epoch;
  if (epoch !== undefined) {
    for (const entry of end.archived)
      yield {
        topic: "disk:1",
        position: { epoch, offset: entry.offset },
        content: contentOf(entry),
        by: "the disk",
      };
  }
  for (const happening of history.happenings) {
    if (happening.kind === "pushed" && happening.position !== null) {
      const { seat, position, content } = happening;
      yield { topic: seat.topic, position, content, by: seat.client };
    } else if (happening.kind === "settled" && happening.publication.outcome?.kind === "acked") {
      const { topic, client, content, outcome } = happening.publication;
      if (outcome.position !== null)
        yield { topic, position: outcome.position, content, by: `its publisher ${client}` };
    }
  }
}
