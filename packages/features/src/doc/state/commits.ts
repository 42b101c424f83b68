import type { Position } from "@plexline/protocol";

/** Counts the commits that are under way. */
export interface Commits {
  add(
    commit: Promise<Position>,
    onDurable: (position: Position) => void,
    onLost: (error: unknown) => void,
  ): void;
  /** Resolves when none is under way. */
  settled(): Promise<void>;
}

export function createCommits(): Commits {
  let underWay = 0;
  let onNone: () => void = () => {};
  const done = (): void => {
    underWay -= 1;
    if (underWay === 0) onNone();
  };
  return {
    add(commit, onDurable, onLost) {
      underWay += 1;
      void commit.then(onDurable, onLost).finally(done);
    },
    settled() {
      if (underWay === 0) return Promise.resolve();
      return new Promise((resolve) => {
        onNone = resolve;
      });
    },
  };
}
