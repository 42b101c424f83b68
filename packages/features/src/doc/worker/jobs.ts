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

/** Types that the root of a document may have. */
export type RootType = "text" | "array" | "map" | "xml";

/** What a document is to be written as. */
export interface RenderJob {
  /** All of the document. */
  readonly update: Uint8Array;
  /** `json`: all its roots by their names. `text`: the text of one. */
  readonly format: "json" | "text";
  /** The root whose text it is. */
  readonly name: string;
  /** Types of roots that need not be guessed. */
  readonly types: ReadonlyMap<string, RootType>;
}

/** Writes documents for those who have no Yjs. */
export interface DocRenderer {
  /** Rejects with PAYLOAD_INVALID if the root is of a type that has no text. */
  render(job: RenderJob): Promise<string>;
}
