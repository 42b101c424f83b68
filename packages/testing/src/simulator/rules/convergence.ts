import { applyUpdate, Doc, encodeStateAsUpdate } from "yjs";
import type { Evidence } from "../checker.ts";
import { textOf } from "../documents/edits.ts";

export function* checkConvergence({ end }: Evidence): Generator<string> {
  if (end.unrest !== null) return;
  for (const [topic, log] of end.documents) {
    const logged = new Doc();
    for (const { update } of log) applyUpdate(logged, update);
    const bytes = canonicalBytes(logged);
    for (const { settings, documents } of end.actors) {
      for (const { name, handle } of documents) {
        if (name.topic !== topic || canonicalBytes(handle.doc).equals(bytes)) continue;
        yield `${settings.name} has another ${topic} than the log: ${told(handle.doc)}, and not ${told(logged)}`;
      }
    }
  }
}

/**
 * The bytes of a document once all of it has come in one transaction: which neighbouring structs are one struct depends on
 * the transactions that they came in, and on nothing that matters.
 */
function canonicalBytes(doc: Doc): Buffer {
  const fresh = new Doc();
  applyUpdate(fresh, encodeStateAsUpdate(doc));
  return Buffer.from(encodeStateAsUpdate(fresh));
}

function told(doc: Doc): string {
  return `${textOf(doc)} ${JSON.stringify(doc.getMap("map").toJSON())}`;
}
