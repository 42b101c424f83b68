export interface OracleEntry {
  readonly offset: number;
  readonly key: string;
  readonly user: string;
  readonly n: number;
}

export interface OracleLog {
  readonly topic: string;
  readonly epoch: string;
  readonly head: number;
  readonly entries: readonly OracleEntry[];
}

export interface OracleFacts {
  readonly log: OracleLog;
  readonly epoch?: string;
  readonly acks: readonly { user: string; n: number; epoch: string; offset: number }[];
  readonly seen: readonly { offset: number; key: string }[];
  readonly done?: readonly { user: string; n: number }[];
}

export function findViolations(facts: OracleFacts): string[];
