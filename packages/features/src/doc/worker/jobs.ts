import type { ScanLimits, UpdateScan } from "../update/update-scan.ts";
import type { Batch } from "./batch.ts";

/** An update in pieces, each of which has a buffer of its own. */
export type Pieces = readonly Uint8Array<ArrayBuffer>[];

/** What a segment of a document is made of. The bytes are handed over: nobody else may use them afterwards. */
export interface FoldJob {
  /** `fold`: through a Y.Doc, which drops what is deleted. `merge`: the updates are only put together. */
  readonly how: "fold" | "merge";
  /** Updates of segments before, in their order. */
  readonly segments: readonly Pieces[];
  /** The updates of the log after them, in its order. */
  readonly batches: readonly Batch[];
  /** Whose document it is: no two jobs of one are done at once. Default: nobody's. */
  readonly document?: string;
  /** Ends the job when nobody wants its result any more. */
  readonly signal?: AbortSignal;
}

/** What a segment holds. */
export interface Folded {
  /** In a buffer of its own. */
  readonly update: Uint8Array<ArrayBuffer>;
  /** Its structs: a client id, the clock of the first one and the clock after the last one, and so on. */
  readonly clocks: ArrayLike<number>;
  /** What they refer to that is not in it: a client id, the clock after it, and so on. */
  readonly needs: ArrayLike<number>;
  /** Its deletions, including those of structs that are not there yet: updates of nothing else, none of which is long. */
  readonly deletions: readonly Uint8Array[];
  /** The update also holds structs or deletions that something is missing for. */
  readonly hasPending?: boolean;
  /** Indexes of the job's updates of the log that Yjs cannot apply: the result is without them. */
  readonly skipped?: readonly number[];
}

/** Work on documents that is too heavy for the main thread, each with a deadline. */
export interface DocWorker {
  /** Scans an update; rejects with a PlexlineError UPDATE_INVALID as `scanUpdate` throws it. */
  scan(update: Uint8Array, limits: ScanLimits): Promise<UpdateScan>;
  /**
   * Makes one segment of several and of updates of the log. Rejects with UPDATE_INVALID where a segment cannot be applied: it is
   * then to be made of the log's updates.
   */
  fold(job: FoldJob): Promise<Folded>;
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
