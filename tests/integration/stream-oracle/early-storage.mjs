/** When a commit is acknowledged, and when it is given to the store. */
const ACKNOWLEDGED_AFTER_MS = 5;
const COMMITTED_AFTER_MS = 40;

const acknowledge = (positions) =>
  new Promise((resolve) => {
    setTimeout(() => resolve(positions), ACKNOWLEDGED_AFTER_MS);
  });

/**
 * A storage with the fault that the oracle is there to find: it says that a commit is durable before it is. As long as it is
 * not killed nobody can tell the difference.
 */
export function acknowledgeEarly(storage) {
  /** Where each log will be. */
  const heads = new Map();
  /** Values that are on their way. */
  const values = new Map();
  let deciding = Promise.resolve();
  /** Settles when all that was acknowledged is in the store. */
  let stored = Promise.resolve();

  const decide = async (commit) => {
    const positions = [];
    for (const { topic, entries } of commit.appends ?? []) {
      const { epoch, head } = heads.get(topic) ?? (await storage.heads([topic]))[0];
      heads.set(topic, { epoch, head: head + entries.length });
      positions.push({ epoch, offset: head + entries.length });
    }
    for (const { key, value } of commit.puts ?? []) {
      const known = values.get(key) ?? (await storage.get(key));
      const bytes = typeof value === "function" ? value(positions) : value;
      values.set(key, { key, value: bytes, version: (known?.version ?? 0) + 1 });
    }
    // What is due together goes in the order in which it came; a commit that came later is stored later.
    stored = new Promise((resolve) => {
      setTimeout(
        () => resolve(storage.commit({ ...commit, checks: [] }).catch(() => {})),
        COMMITTED_AFTER_MS,
      );
    });
    return positions;
  };

  return new Proxy(storage, {
    get(target, name) {
      if (name === "commit")
        return (commit) => {
          const decided = deciding.then(() => decide(commit));
          deciding = decided.catch(() => {});
          return decided.then(acknowledge);
        };
      if (name === "get") return async (key) => values.get(key) ?? target.get(key);
      const value = target[name];
      if (typeof value !== "function") return value;
      // Whoever looks sees everything.
      return async (...given) => {
        await stored;
        return value.apply(target, given);
      };
    },
  });
}
