import { PlexlineError } from "@plexline/protocol";
import { createDecoder, readTailAsUint8Array, readUint8, readVarUint } from "lib0/decoding";

/** Largest message that is put together from parts, in bytes. */
export const JOINED_BYTES_MAX = 256 * 1024 * 1024;

/** Puts long messages together that come as consecutive parts. */
export class PartJoiner {
  readonly #bytesMax: number;
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytesMax = JOINED_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** The whole message once its last part is here. Throws MESSAGE_TOO_LARGE. */
  add(payload: Uint8Array): { readonly kind: number; readonly payload: Uint8Array } | undefined {
    const decoder = createDecoder(payload);
    const isLast = readUint8(decoder) === 1;
    const kind = readVarUint(decoder);
    const bytes = readTailAsUint8Array(decoder);
    this.#bytes += bytes.length;
    if (this.#bytes > this.#bytesMax) {
      this.clear();
      throw new PlexlineError("MESSAGE_TOO_LARGE", {
        message: `The document comes as one message of more than ${this.#bytesMax} bytes.`,
        fix: "Split the document into several, or prune what it holds.",
      });
    }
    this.#parts.push(bytes);
    if (!isLast) return undefined;
    const whole = this.#join();
    this.clear();
    return { kind, payload: whole };
  }

  /** The rest of a message that had begun will not come any more. */
  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }

  #join(): Uint8Array {
    if (this.#parts.length === 1) return this.#parts[0]!;
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
