export interface DocumentOracleReport {
  readonly kills: number;
  /** Kills after which the log held edits of which nobody had been told that they are saved. */
  readonly killsInFlight: number;
  /** How many tokens these were. */
  readonly survivedUnsaved: number;
  /** Tokens that writers were told are saved, inserted or deleted. */
  readonly savedTokens: number;
  /** How often somebody was told so. */
  readonly saves: number;
  /** The same by wire: ours, y-websocket's, Hocuspocus'. */
  readonly savesOn: { readonly n: number; readonly y: number; readonly h: number };
  readonly entries: number;
  /** Snapshots that were written between kills. */
  readonly snapshots: number;
  /** Errors that writers were told, all of which healed: whoever stands still is an error of the run. */
  readonly refusals: number;
  readonly violations: readonly string[];
}

export function runDocumentOracle(options: {
  readonly kills: number;
  readonly seed: number;
  readonly tell?: (line: string) => void;
}): Promise<DocumentOracleReport>;

export function describeDocumentReport(report: DocumentOracleReport): string;
