import type { BinaryMessage, ServerMessage } from "@plexline/protocol";
import type { Encoded, Encoder } from "../broker/publication.ts";

/** Turns what happens on a topic into a foreign message, or null for none. */
export type Translate = (message: ServerMessage | BinaryMessage) => string | Uint8Array | null;

/** A translation for many sessions: they share it by being given the same object. */
export interface SharedTranslation {
  readonly shared: Translate;
}

/** A shared translation threw: its subscribers cannot be told what happened. */
export class TranslationFailed extends Error {
  constructor(cause: unknown) {
    super("A shared translation threw.", { cause });
    this.name = "TranslationFailed";
  }
}

const encoders = new WeakMap<SharedTranslation, Encoder>();

/**
 * Makes a translation to be given to `subscribe` for many sessions: each publication is translated once for all of them, and
 * their publications of a tick leave as one write each. What it makes may depend on nothing but the message and the moment:
 * for whoever catches up it is made anew.
 *
 * @example
 * const asText = createSharedTranslation((message) => ("type" in message ? JSON.stringify(message) : null));
 * const endpoint: Endpoint = {
 *   path: "/text/:name",
 *   onConnect: async (ws) => void (await ws.subscribe(`room:${ws.request.params.name}`, { translate: asText })),
 * };
 */
export function createSharedTranslation(translate: Translate): SharedTranslation {
  return Object.freeze({ shared: translate });
}

/** The encoder of a shared translation: one object for all its subscribers. */
export function sharedEncoderOf(shared: SharedTranslation): Encoder {
  let encoder = encoders.get(shared);
  if (encoder === undefined) {
    encoder = createEncoder(shared.shared);
    encoders.set(shared, encoder);
  }
  return encoder;
}

function createEncoder(translate: Translate): Encoder {
  /** The last that failed: all its subscribers ask for the same message, one after the other. */
  let failed: {
    readonly message: ServerMessage | BinaryMessage;
    readonly failure: TranslationFailed;
  } | null = null;
  return {
    isShared: true,
    encode(message) {
      if (failed?.message === message) throw failed.failure;
      try {
        return encoded(translate(message));
      } catch (cause) {
        failed = { message, failure: new TranslationFailed(cause) };
        throw failed.failure;
      }
    },
  };
}

function encoded(data: string | Uint8Array | null): Encoded | null {
  if (data === null) return null;
  return { data, bytes: typeof data === "string" ? Buffer.byteLength(data) : data.byteLength };
}
