import type { Entry } from "@plexline/server";
import { applyUpdate, Doc } from "yjs";
import type { Evidence } from "../checker.ts";

export function* checkPlaces({ end }: Evidence): Generator<string> {
  for (const [topic, log] of end.documents) {
    const doc = new Doc();
    for (const [index, { offset, update }] of log.entries()) {
      if (offset !== index + 1) yield `${topic}:${offset} comes ${index + 1}th`;
      applyUpdate(doc, update);
      const { pendingStructs, pendingDs } = doc.store;
      if (pendingStructs !== null || pendingDs !== null) yield `${topic}:${offset} is in a gap`;
    }
    const stored = end.storedLogs.get(topic) ?? [];
    if (stored.length !== log.length)
      yield `${log.length} entries of ${topic} became durable, ${stored.length} are there`;
    for (const [index, { offset, update }] of log.entries()) {
      const entry = stored[index];
      if (entry !== undefined && !endsWith(entry, update)) yield `${topic}:${offset} is not what it was`;
    }
  }
}

/** The update is the rest of an entry, behind who sent it. */
function endsWith({ data }: Entry, update: Uint8Array): boolean {
  return Buffer.from(data).subarray(-update.length).equals(update);
}
