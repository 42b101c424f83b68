import type { BinaryMessage } from "@plexline/protocol";
import { encodeDraftBinary } from "./message.ts";

/**
 * The messages of what rooms send, kept for as long as somebody else keeps the payload: an update for a hundred
 * connections, and the state for all who ask for it at one position, become text once.
 */
export class DraftMessageCache {
  readonly #messages = new WeakMap<Uint8Array, { readonly kind: number; readonly text: string | null }>();

  /** The message; null if a client of this dialect has no use for it. */
  textOf(message: BinaryMessage): string | null {
    const cached = this.#messages.get(message.payload);
    if (cached?.kind === message.kind) return cached.text;
    const text = encodeDraftBinary(message);
    this.#messages.set(message.payload, { kind: message.kind, text });
    return text;
  }
}
