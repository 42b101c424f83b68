import type { DocOptions } from "@plexline/features/server";
import {
  applyUpdate,
  createDeleteSetFromStructStore,
  Doc,
  decodeStateVector,
  encodeStateAsUpdate,
  encodeStateVector,
} from "yjs";

type DocWorker = NonNullable<DocOptions["worker"]>;
type CompactJob = Parameters<DocWorker["compact"]>[0];
type Compacted = Awaited<ReturnType<DocWorker["compact"]>>;

/** Folds a snapshot and the updates after it, none of which is in a gap. */
export function fold({ snapshot, updates }: CompactJob): Compacted {
  const doc = new Doc();
  if (snapshot) applyUpdate(doc, snapshot);
  for (const update of updates) applyUpdate(doc, update);
  if (doc.store.pendingStructs !== null || doc.store.pendingDs !== null)
    throw new Error("The log has an update in a gap.");
  const deletions = new Map<number, readonly number[]>();
  for (const [client, ranges] of createDeleteSetFromStructStore(doc.store).clients)
    deletions.set(
      client,
      ranges.flatMap(({ clock, len }) => [clock, clock + len]),
    );
  return {
    update: encodeStateAsUpdate(doc),
    stateVector: decodeStateVector(encodeStateVector(doc)),
    deletions,
  };
}
