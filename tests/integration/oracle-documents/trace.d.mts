export interface TraceReport {
  /** Who has another document than a local replay of the trace. */
  readonly differences: readonly string[];
  readonly seconds: number;
  readonly updates: number;
  readonly entries: number;
  readonly logBytes: number;
  readonly snapshot: { readonly epoch: string; readonly offset: number; readonly bytes: number } | undefined;
  readonly joinMs: number;
}

export function runTrace(options: {
  readonly inserts: number;
  readonly deletes: number;
  readonly seed: number;
  readonly tell?: (line: string) => void;
}): Promise<TraceReport>;
