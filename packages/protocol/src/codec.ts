/**
 * Turns messages into what travels and back. `decode` takes untrusted data and throws nothing but a PlexlineError;
 * decoding what `encode` gave yields an equal message.
 */
export interface Codec<Outgoing, Incoming> {
  /** The WebSocket subprotocol that chooses it: `plexline.v1`. */
  readonly name: string;
  encode(message: Outgoing): string | Uint8Array;
  decode(data: string | Uint8Array): Incoming;
}
