import type { Binary } from "@plexline/server";
import { DOC_KIND, PART_BYTES_MAX } from "./protocol.ts";

/** A message as it is, or cut into `part`s if it is longer than one. */
export function* partsOf(message: Binary): Generator<Binary> {
  if (message.payload.length <= PART_BYTES_MAX) {
    yield message;
    return;
  }
  // Every kind of a document is below 128: one byte.
  const bytesMax = PART_BYTES_MAX - 2;
  for (let at = 0; at < message.payload.length; at += bytesMax) {
    const bytes = message.payload.subarray(at, at + bytesMax);
    const isLast = at + bytesMax >= message.payload.length;
    const payload = new Uint8Array(2 + bytes.length);
    payload[0] = isLast ? 1 : 0;
    payload[1] = message.kind;
    payload.set(bytes, 2);
    yield { kind: DOC_KIND.part, payload };
  }
}
