// A synthetic editing session: not recorded from anybody, but with the counts of a long one. Keystrokes come in runs, at a
// cursor that stays where it is, moves a little, or jumps.

const LETTERS = "etaoin shrdlu cmfwyp vbgkjqxz\n";
/** Mean length of a run of keystrokes, and of one of deletions. */
const TYPED_MEAN = 14;
const DELETED_MEAN = 6;
/** Of all runs: how many begin where the last one ended, and how many near it; the others begin anywhere. */
const STAYS = 0.45;
const NEAR = 0.4;
const NEAR_CHARACTERS = 300;
/** Deletions that go backwards, as with the backspace key. */
const BACKWARDS = 0.85;

/** So many insertions and deletions of one character each, as `[index, character]`; a deletion has no character. */
export function* editingTrace({ inserts, deletes, random }) {
  const below = (count) => Math.floor(random() * count);
  const runLength = (mean) => 1 + Math.floor(-Math.log(1 - random()) * (mean - 0.5));
  let length = 0;
  let cursor = 0;
  let [toInsert, toDelete] = [inserts, deletes];

  function place() {
    const choice = random();
    if (choice < STAYS) return cursor;
    if (choice >= STAYS + NEAR) return below(length + 1);
    return Math.min(length, Math.max(0, cursor + below(2 * NEAR_CHARACTERS) - NEAR_CHARACTERS));
  }

  function* type() {
    for (let left = Math.min(runLength(TYPED_MEAN), toInsert); left > 0; left -= 1) {
      yield [cursor, LETTERS[below(LETTERS.length)]];
      cursor += 1;
      length += 1;
      toInsert -= 1;
    }
  }

  function* erase() {
    const isBackwards = random() < BACKWARDS;
    const possible = isBackwards ? cursor : length - cursor;
    for (let left = Math.min(runLength(DELETED_MEAN), toDelete, possible); left > 0; left -= 1) {
      if (isBackwards) cursor -= 1;
      yield [cursor];
      length -= 1;
      toDelete -= 1;
    }
  }

  while (toInsert > 0 || toDelete > 0) {
    cursor = place();
    const typing = toInsert / TYPED_MEAN;
    const isTyping = length === 0 || random() * (typing + toDelete / DELETED_MEAN) < typing;
    yield* isTyping ? type() : erase();
  }
}
