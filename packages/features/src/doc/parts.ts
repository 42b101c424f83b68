import type { Binary } from "@plexline/server";
import { DOC_KIND, PART_BYTES_MAX } from "./protocol.ts";

/** The most of a message that fits into a part after its two bytes: every kind of a document is below 128. */
const BYTES_MAX = PART_BYTES_MAX - 2;

/** A message as it is, or cut into `part`s if it is longer than one. */
export function* partsOf(message: Binary): Generator<Binary> {
  if (message.payload.length <= PART_BYTES_MAX) yield message;
  else yield* partsOfPieces(message.kind, [message.payload]);
}

/** The `part`s of a message whose payload is in pieces. */
export function* partsOfPieces(kind: number, pieces: readonly Uint8Array[]): Generator<Binary> {
  let left = bytesOfPieces(pieces);
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; at += BYTES_MAX) {
      const bytes = piece.subarray(at, at + BYTES_MAX);
      left -= bytes.length;
      const payload = new Uint8Array(2 + bytes.length);
      payload[0] = left === 0 ? 1 : 0;
      payload[1] = kind;
      payload.set(bytes, 2);
      yield { kind: DOC_KIND.part, payload };
    }
  }
}

export function bytesOfPieces(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((bytes, piece) => bytes + piece.length, 0);
}
