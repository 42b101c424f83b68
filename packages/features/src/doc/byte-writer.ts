/** The largest number the encodings here know: what a double holds exactly. */
const NUMBER_MAX = Number.MAX_SAFE_INTEGER;
const START_BYTES = 256;

const utf8 = new TextEncoder();

/** Writes bytes in the encoding of Yjs: numbers as unsigned LEB128 (up to 2^53-1), texts and byte strings after their length. */
export class ByteWriter {
  #bytes = new Uint8Array(START_BYTES);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  number(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > NUMBER_MAX) {
      throw new RangeError(`${value} is not an integer of 0 to 2^53-1.`);
    }
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  bytes(data: Uint8Array): void {
    this.#reserve(data.length);
    this.#bytes.set(data, this.#length);
    this.#length += data.length;
  }

  sizedBytes(data: Uint8Array): void {
    this.number(data.length);
    this.bytes(data);
  }

  text(text: string): void {
    this.sizedBytes(utf8.encode(text));
  }

  /** What has been written, in a buffer of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
