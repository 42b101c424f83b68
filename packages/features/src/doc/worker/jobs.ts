import type { IdRanges, ScanLimits, StateVector, UpdateScan } from "../update/update-scan.ts";

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

/** Work on documents that is too heavy for the main thread: one job after the other, each with a deadline. */
export interface DocWorker {
  /** Scans an update; rejects with a PlexlineError UPDATE_INVALID as `scanUpdate` throws it. */
  scan(update: Uint8Array, limits: ScanLimits): Promise<UpdateScan>;
  /** Folds a snapshot and what came after it through a Y.Doc. */
  compact(job: CompactJob): Promise<Compacted>;
}
