// What must hold of a log after a crash, whatever happened before it. Pure: facts in, violations out.

/** Violations told of one kind at most; the first ones say what is wrong. */
const TOLD_MAX = 5;

const nameOf = ({ user, n }) => `${user}.${n}`;

/**
 * Holds one topic's log against what was acknowledged, what live subscribers saw before the crash, and, for writers
 * that ended in peace, how much they published. Returns violations in words; none is good.
 */
export function findViolations({ log, epoch, acks, seen, done = [] }) {
  const { topic, entries } = log;
  const at = new Map(entries.map((entry) => [entry.offset, entry]));
  return [
    ...(epoch === undefined || epoch === log.epoch ? [] : [`${topic}: the epoch has changed`]),
    ...findHoles(log),
    ...findRepeats(log),
    ...findDisorder(log),
    ...cut(acks, (ack) => !isEntry(at.get(ack.offset), ack) || ack.epoch !== log.epoch).map(
      (ack) => `${topic}: acknowledged and lost: ${nameOf(ack)} at ${ack.offset}`,
    ),
    ...cut(seen, ({ offset, key }) => at.get(offset)?.key !== key).map(
      ({ offset, key }) => `${topic}: seen by a subscriber and lost: ${key} at ${offset}`,
    ),
    ...findMissing(log, done),
  ];
}

function isEntry(entry, { user, n }) {
  return entry?.user === user && entry.n === n && entry.key === nameOf(entry);
}

function findHoles({ topic, entries }) {
  return cut(
    entries.map(({ offset }, index) => ({ offset, expected: index + 1 })),
    ({ offset, expected }) => offset !== expected,
  ).map(({ offset, expected }) => `${topic}: offset ${offset} where ${expected} should be`);
}

function findRepeats({ topic, entries }) {
  const keys = new Set();
  const isRepeat = ({ key }) => keys.has(key) || !keys.add(key);
  return cut(entries, isRepeat).map(({ key, offset }) => `${topic}: ${key} is there again at ${offset}`);
}

function findDisorder({ topic, entries }) {
  const last = new Map();
  const isEarlier = ({ user, n }) => {
    const before = last.get(user) ?? 0;
    last.set(user, n);
    return n <= before;
  };
  return cut(entries, isEarlier).map((entry) => `${topic}: ${nameOf(entry)} is out of order`);
}

/** A writer that was answered everything has everything in the log. */
function findMissing({ topic, entries }, done) {
  const counts = new Map();
  for (const { user } of entries) counts.set(user, (counts.get(user) ?? 0) + 1);
  return cut(done, ({ user, n }) => (counts.get(user) ?? 0) !== n).map(
    ({ user, n }) => `${topic}: ${user} published ${n}, of which ${counts.get(user) ?? 0} are there`,
  );
}

function cut(items, isWrong) {
  return items.filter(isWrong).slice(0, TOLD_MAX);
}
