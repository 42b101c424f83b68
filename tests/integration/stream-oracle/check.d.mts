export interface StoredEntry {
  readonly offset: number;
  readonly event: string;
  /** What it is known by, see tokens.mjs. */
  readonly token: string;
  /** That of a request, or of the one that an outcome is of. */
  readonly id?: string;
}

export interface RunFacts {
  readonly name: string;
  readonly entries: readonly StoredEntry[];
  readonly acks: readonly { readonly writer: string; readonly from: number; readonly to: number }[];
  readonly requests: ReadonlySet<string>;
  readonly pending: readonly string[];
  readonly isClosed: boolean;
}

export interface ReaderRecord {
  readonly name: string;
  readonly began: number | undefined;
  readonly seen: readonly { readonly token: string; readonly cursor?: string }[];
  readonly folds: readonly { readonly offset: number; readonly state: unknown }[];
  readonly faults: readonly string[];
  readonly isEnded: boolean;
  readonly isChunksOnly: boolean;
}

export function findRunViolations(facts: RunFacts): string[];

export function findReaderViolations(facts: {
  readonly name: string;
  readonly entries: readonly StoredEntry[];
  readonly reader: ReaderRecord;
  readonly stateAt: (offset: number) => unknown;
}): string[];
