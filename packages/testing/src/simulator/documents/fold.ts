import type { DocOptions } from "@plexline/features/server";
import {
  applyUpdate,
  Doc,
  diffUpdate,
  encodeStateAsUpdate,
  encodeStateVector,
  mergeUpdates,
  parseUpdateMeta,
} from "yjs";

type DocWorker = NonNullable<DocOptions["worker"]>;
type FoldJob = Parameters<DocWorker["fold"]>[0];
type Folded = Awaited<ReturnType<DocWorker["fold"]>>;

/** Folds or merges segments and the updates after them, none of which is in a gap. */
export function fold({ how, segments, batches }: FoldJob): Folded {
  const updates: Uint8Array[] = segments.map((pieces) => new Uint8Array(Buffer.concat(pieces)));
  for (const { bytes, lengths } of batches) {
    let at = 0;
    for (const length of lengths) {
      updates.push(bytes.subarray(at, at + length));
      at += length;
    }
  }
  const update = how === "fold" ? foldAll(updates) : mergeUpdates(updates);
  const { from, to } = parseUpdateMeta(update);
  return {
    update: new Uint8Array(update),
    clocks: [...to].flatMap(([client, end]) => [client, from.get(client) ?? 0, end]),
    needs: [],
    // Without the structs, its deletions are left.
    deletions: [diffUpdate(update, encodeStateVector(to))],
  };
}

function foldAll(updates: readonly Uint8Array[]): Uint8Array {
  const doc = new Doc();
  for (const update of updates) applyUpdate(doc, update);
  if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null)
    throw new Error("The log has an update in a gap.");
  return encodeStateAsUpdate(doc);
}
