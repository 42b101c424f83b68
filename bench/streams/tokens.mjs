// What is appended: tokens of a language model as JSON of 70 bytes, each with its number as a marker.
const MARK = Buffer.from("@@");
const DIGITS = 8;
const MARKER_BYTES = MARK.length + DIGITS;
const NOTHING = Buffer.alloc(0);

/** The token with a number; `bytes` is about how long it is. */
export function tokenText(number, bytes = 70) {
  const text = `{"type":"text-delta","id":"m1","delta":"@@${String(number).padStart(DIGITS, "0")}`;
  return `${text}${".".repeat(Math.max(0, bytes - text.length - 2))}"}`;
}

function numberAt(bytes, at) {
  let number = 0;
  for (let index = at + MARK.length; index < at + MARKER_BYTES; index += 1)
    number = number * 10 + bytes[index] - 48;
  return number;
}

/**
 * Finds the newest token in what a reader receives, without looking at the rest: tokens come in order, so that it tells how many
 * there were. One that is `strict` looks at each, and throws if one is missing or comes twice.
 */
export class TokenFinder {
  last = -1;
  #carry = NOTHING;
  #isStrict;

  constructor(isStrict = false) {
    this.#isStrict = isStrict;
  }

  /** Takes what has arrived, and returns the number of the newest token so far. */
  take(chunk) {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    this.#carry = carryOf(bytes);
    if (this.#isStrict) this.#takeEach(bytes);
    else this.#takeNewest(bytes);
    return this.last;
  }

  #takeNewest(bytes) {
    let at = bytes.lastIndexOf(MARK);
    if (at >= 0 && at + MARKER_BYTES > bytes.length) at = at === 0 ? -1 : bytes.lastIndexOf(MARK, at - 1);
    if (at < 0) return;
    const number = numberAt(bytes, at);
    if (number < this.last) throw new Error(`Token ${number} came after ${this.last}.`);
    this.last = number;
  }

  #takeEach(bytes) {
    for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + MARKER_BYTES)) {
      if (at + MARKER_BYTES > bytes.length) return;
      const number = numberAt(bytes, at);
      if (number !== this.last + 1) throw new Error(`Token ${number} came after ${this.last}.`);
      this.last = number;
    }
  }
}

/** The beginning of a marker at the end of what has arrived. */
function carryOf(bytes) {
  const tail = bytes.subarray(Math.max(0, bytes.length - MARKER_BYTES + 1));
  const at = tail.indexOf(MARK[0]);
  return at < 0 ? NOTHING : Buffer.from(tail.subarray(at));
}
