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
 * Counts the tokens in what one reader receives, without looking at the rest. One that is `strict` remembers which have come:
 * as many as there are, none twice, is all of them.
 */
export class TokenFinder {
  count = 0;
  #carry = NOTHING;
  #seen;

  constructor(isStrict = false) {
    this.#seen = isStrict ? new Set() : null;
  }

  /** Takes what has arrived; `onToken` is called with the number of each token. */
  take(chunk, onToken) {
    const bytes = this.#carry.length > 0 ? Buffer.concat([this.#carry, chunk]) : chunk;
    let at = bytes.indexOf(MARK);
    for (; at >= 0 && at + MARKER_BYTES <= bytes.length; at = bytes.indexOf(MARK, at + MARKER_BYTES)) {
      const number = numberAt(bytes, at);
      if (this.#seen?.has(number)) throw new Error(`Token ${number} came twice.`);
      this.#seen?.add(number);
      this.count += 1;
      onToken(number);
    }
    this.#carry = at >= 0 ? Buffer.from(bytes.subarray(at)) : carryOf(bytes);
  }
}

/** A mark may be cut in the middle. */
const carryOf = (bytes) =>
  bytes.length > 0 && bytes.at(-1) === MARK[0] ? Buffer.from(MARK.subarray(0, 1)) : NOTHING;
