export interface StreamOracleReport {
  readonly kills: number;
  /** Kills after which logs held chunks whose acknowledgement nobody had got. */
  readonly killsInFlight: number;
  /** How many chunks these were. */
  readonly survivedUnacked: number;
  /** Chunks that were acknowledged. */
  readonly acks: number;
  readonly runs: number;
  /** Entries of the runs that were brought to their end. */
  readonly entries: number;
  /** Requests to producers that were acknowledged. */
  readonly requests: number;
  /** How often all writers were dead and others took their places. */
  readonly successors: number;
  /** Events that readers were told, by how they read. */
  readonly events: {
    readonly websocket: number;
    readonly sse: number;
    readonly longPoll: number;
    readonly hopping: number;
  };
  readonly violations: readonly string[];
}

export function runStreamOracle(options: {
  readonly kills: number;
  readonly seed: number;
  readonly fault?: "early" | "forgetful";
  readonly tell?: (line: string) => void;
}): Promise<StreamOracleReport>;

export function describeStreamReport(report: StreamOracleReport): string;
