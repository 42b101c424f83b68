export function findDocumentViolations(facts: {
  readonly name: string;
  readonly text: string;
  /** Tokens that writers inserted, and that they deleted. */
  readonly inserted: ReadonlySet<string>;
  readonly deleted: ReadonlySet<string>;
  /** Those of them of which the server said that this is durable. */
  readonly saved: ReadonlySet<string>;
  readonly savedDeleted: ReadonlySet<string>;
}): string[];
