export interface OracleReport {
  readonly kills: number;
  /** Kills that fell on commits in flight: the log then held publications whose acknowledgement nobody had got. */
  readonly killsInFlight: number;
  readonly acks: number;
  readonly entries: number;
  /** How many publications these were. */
  readonly survivedUnacked: number;
  readonly violations: readonly string[];
}

export function runOracle(options: {
  readonly kills: number;
  readonly seed: number;
  readonly tell?: (line: string) => void;
}): Promise<OracleReport>;

export function describeReport(report: OracleReport): string;
