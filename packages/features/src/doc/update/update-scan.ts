// What the guard finds in an update. Plain data: it also travels from a worker thread.

/** Ranges of clocks by client id: start, end, start, end, … ascending, end exclusive, not touching each other. */
export type IdRanges = ReadonlyMap<number, readonly number[]>;

/** By client id, the clock after the last struct. */
export type StateVector = ReadonlyMap<number, number>;

/** The structs of one client id in an update. */
export interface SectionScan {
  readonly client: number;
  /** Clock of the first struct. */
  readonly from: number;
  /** Clock after the last struct before the first Skip. Nothing is missing between `from` and it. */
  readonly to: number;
  /** Clock after the last struct of all; greater than `to` exactly if there is a Skip. */
  readonly end: number;
  /** Fillers (GC or deleted items) before `to`: start, end, start, end, … ascending; those that touch are one. */
  readonly fillers: ArrayLike<number>;
  /**
   * What the structs before `to` refer to in other sections and in the document: the clock of a struct, a client id, the
   * clock after what it refers to, and so on, ascending by the first. Only where more of a client id is needed than before.
   */
  readonly needs: ArrayLike<number>;
  /** Number of structs before the first Skip. */
  readonly structs: number;
  /** Where the structs before the first Skip lie in the update's bytes: after the section's header, end exclusive. */
  readonly start: number;
  readonly stop: number;
  /** Places to begin at when it is walked again, in a long section: clock, structs before it, byte, clock, … ascending. */
  readonly marks: ArrayLike<number>;
}

/** What is in an update. */
export interface UpdateScan {
  /** In the order of the update; no client id twice. */
  readonly sections: readonly SectionScan[];
  /** What it deletes. */
  readonly deletions: IdRanges;
  /** Where the deletions begin in the update's bytes; they go on to its end. */
  readonly deletionsStart: number;
}

/** What an update may hold. */
export interface ScanLimits {
  readonly structsMax: number;
  readonly clientsMax: number;
  readonly depthMax: number;
  readonly clockMax: number;
  readonly fillerMax: number;
  /** Shared types of the same update that a struct may lie in. */
  readonly typeDepthMax: number;
}
