import * as Y from "yjs";
import type { IdRanges, StateVector } from "../update/update-scan.ts";

/** What a document is folded from. */
export interface CompactJob {
  /** The Yjs update of the snapshot before; undefined for the first. */
  readonly snapshot: Uint8Array | undefined;
  /** The updates after it, in the order of the log. */
  readonly updates: readonly Uint8Array[];
}

/** A document folded into one update. */
export interface Compacted {
  readonly update: Uint8Array;
  readonly stateVector: StateVector;
  /** Including those of structs that are not there yet. */
  readonly deletions: IdRanges;
  /** The update also holds structs or deletions that something is missing for. */
  readonly hasPending?: boolean;
  /** Indexes of the job's updates that Yjs cannot apply: the result is without them. */
  readonly skipped?: readonly number[];
}

/** Updates that may be left out before the whole job is given up: each costs folding from the beginning. */
const SKIPPED_MAX = 20;

/**
 * Folds a snapshot and the updates after it through a Y.Doc, which drops deleted content and joins what belongs together.
 * Imports Yjs, and so runs in a thread of its own. An update that Yjs throws at is left
 * out and named; whatever came from it is gone from the result, since folding then starts again without it.
 */
export function compact({ snapshot, updates }: CompactJob): Compacted {
  const skipped = new Set<number>();
  for (;;) {
    const doc = createFoldingDoc();
    if (snapshot) Y.applyUpdate(doc, snapshot);
    const failure = applyAll(doc, updates, skipped);
    if (failure === undefined) return read(doc, skipped);
    if (skipped.size === SKIPPED_MAX) throw failure.cause;
    skipped.add(failure.index);
  }
}

function createFoldingDoc(): Y.Doc {
  const doc = new Y.Doc({ gc: true });
  // Yjs tidies up redundant formatting after foreign updates by deleting it. That would be an edit of ours, which is
  // in nobody's log.
  doc.on("afterTransaction", (transaction) => {
    transaction._needFormattingCleanup = false;
  });
  return doc;
}

/** Applies all but the skipped updates; the first one that Yjs throws at, if there is one. */
function applyAll(
  doc: Y.Doc,
  updates: readonly Uint8Array[],
  skipped: ReadonlySet<number>,
): { readonly index: number; readonly cause: unknown } | undefined {
  for (const [index, update] of updates.entries()) {
    if (skipped.has(index)) continue;
    try {
      Y.applyUpdate(doc, update);
    } catch (cause) {
      return { index, cause };
    }
  }
  return undefined;
}

function read(doc: Y.Doc, skipped: ReadonlySet<number>): Compacted {
  const { pendingStructs, pendingDs } = doc.store;
  // What is pending is part of the update: Yjs writes it after the rest.
  const result: Compacted = {
    update: Y.encodeStateAsUpdate(doc),
    stateVector: Y.decodeStateVector(Y.encodeStateVector(doc)),
    deletions: deletionsOf(doc),
    hasPending: pendingStructs !== null || pendingDs !== null,
    skipped: [...skipped].sort((a, b) => a - b),
  };
  doc.destroy();
  return result;
}

/** What is deleted in the document, and what will be once it is there. */
function deletionsOf(doc: Y.Doc): IdRanges {
  const { pendingDs } = doc.store;
  const sets = [Y.createDeleteSetFromStructStore(doc.store)];
  // Yjs keeps these in its other format.
  if (pendingDs !== null) sets.push(Y.decodeUpdateV2(pendingDs).ds);
  const deletions = new Map<number, readonly number[]>();
  // Merging sorts the ranges of a client and joins those that touch.
  for (const [client, items] of Y.mergeDeleteSets(sets).clients) {
    deletions.set(
      client,
      items.flatMap(({ clock, len }) => [clock, clock + len]),
    );
  }
  return deletions;
}
