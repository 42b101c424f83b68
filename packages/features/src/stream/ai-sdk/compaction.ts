import type { UIMessageChunk } from "ai";
import { aiSdkFormat } from "../dialects/session/formats/ai-sdk.ts";

/** Chunks as an application has appended them, those that say more of the same as one: a late reader is left with the same message [AS3]. */
export class CompactedChunks {
  #chunks: UIMessageChunk[] = [];
  #length = 0;

  /** Characters of all of them, more or less. */
  get length(): number {
    return this.#length;
  }

  add(chunk: UIMessageChunk): void {
    const last = this.#chunks.at(-1);
    const merged = last === undefined ? null : aiSdkFormat.merge(last, chunk);
    // What is merged of two chunks of a type is of that type.
    if (merged !== null) this.#chunks[this.#chunks.length - 1] = merged as UIMessageChunk;
    else this.#chunks.push(chunk);
    this.#length += JSON.stringify(chunk).length;
  }

  /** All before is void [AS7]. */
  reset(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  /** Hands them over. */
  take(): UIMessageChunk[] {
    const chunks = this.#chunks;
    this.reset();
    return chunks;
  }
}
