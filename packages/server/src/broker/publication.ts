import type { BinaryMessage, ServerMessage } from "@plexline/protocol";

/** What to do with a message for a connection whose outbox is full. */
export type OutboxPolicy =
  /** Only the newest with the same key counts: presence, awareness, last state. */
  | { readonly policy: "coalesce"; readonly key: string }
  /** The oldest such message goes: ephemeral events. */
  | { readonly policy: "drop-oldest" }
  /** The connection closes with 4590 and its client recovers: whatever is logged, and replies. */
  | { readonly policy: "close" };

/** A message in the bytes of one codec, with its size, so that nobody measures it twice. */
export interface Encoded {
  readonly data: string | Uint8Array;
  readonly bytes: number;
}

/** Turns messages into what a kind of client reads; null when that client has no use for it. */
export interface Encoder {
  /** One object for many subscribers: their publications of one tick leave as one batch. Default: false. */
  readonly isShared?: boolean;
  /** What it makes of a message is the same at all times, so that those who read it later may have it too. Default: false. */
  readonly isTimeless?: boolean;
  encode(message: ServerMessage | BinaryMessage): Encoded | null;
}

/** A message on its way to the subscribers of a topic. Encoded once per codec, however many they are. */
export class Publication {
  readonly message: ServerMessage | BinaryMessage;
  /** Offset in the topic's log; null for the ephemeral family. */
  readonly offset: number | null;
  readonly outbox: OutboxPolicy;
  /** Its number among the topic's broadcasts, which are handed on before they are in the log; 0 for all others. */
  readonly broadcast: number;
  /** The last codec that asked for it, or the first that is shared, and what it made of it. */
  #encoder: Encoder | null = null;
  #encoded: Encoded | null = null;
  /** What the other shared codecs made of it. */
  #others: Map<Encoder, Encoded | null> | null = null;

  constructor(
    message: ServerMessage | BinaryMessage,
    offset: number | null,
    outbox: OutboxPolicy,
    broadcast = 0,
  ) {
    this.message = message;
    this.offset = offset;
    this.outbox = outbox;
    this.broadcast = broadcast;
  }

  /** The bytes for one codec. Nearly all subscribers share one; those of a codec of its own ask once. */
  encodedBy(encoder: Encoder): Encoded | null {
    if (this.#encoder === encoder) return this.#encoded;
    const known = this.#others?.get(encoder);
    if (known !== undefined) return known;
    const encoded = encoder.encode(this.message);
    if (!this.#encoder?.isShared) {
      this.#encoded = encoded;
      this.#encoder = encoder;
    } else if (encoder.isShared) {
      this.#others ??= new Map();
      this.#others.set(encoder, encoded);
    }
    return encoded;
  }
}
