import type { Draft } from "./embedded-draft.ts";
import type { Environment, Range } from "./embedded-environment.ts";
import { entryKey } from "./embedded-keys.ts";
import type { LogRecord } from "./embedded-records.ts";
import type { GroupCommit } from "./group-commit.ts";

/** Entries removed in one batch, so that a long log does not hold up the commits of others. */
const SWEEP_ENTRIES_MAX = 1_000;

/**
 * Removes the entries that a log no longer offers: those of earlier generations and those up to its floor. They cannot
 * be read any more, so a sweep may stop half-way; the next one goes on where it stopped.
 */
export async function sweepLog(
  environment: Environment,
  commits: GroupCommit<Draft>,
  topic: string,
  record: LogRecord,
): Promise<void> {
  const range: Range = {
    start: entryKey(topic, 0, 0),
    end: entryKey(topic, record.generation, record.floor + 1),
    limit: SWEEP_ENTRIES_MAX,
  };
  for (;;) {
    const keys = await environment.read((view) =>
      Array.from(view.range(range), ({ key }) => Buffer.from(key)),
    );
    if (keys.length === 0) return;
    await commits.enqueue(keys.length * 64, (draft) => {
      for (const key of keys) draft.remove(key);
    });
  }
}
