/** Bytes that are free before a payload: what wires write before a document's own bytes is shorter, unless its name is very long. */
const HEADROOM = 320;

/** Payloads before which nobody has written yet. */
const free = new WeakSet<Uint8Array>();

/** Makes a payload of zeros before whose bytes there is room, so that a frame of it needs no copy of a megabyte. */
export function payloadWithHeadroom(length: number): Uint8Array {
  const payload = new Uint8Array(new ArrayBuffer(HEADROOM + length), HEADROOM);
  free.add(payload);
  return payload;
}

/** The payload with that many bytes before it, which are the caller's to write; undefined where there is no room, or it is taken. */
export function takeHeadroom(payload: Uint8Array, length: number): Uint8Array | undefined {
  if (length > HEADROOM || !free.delete(payload)) return undefined;
  return new Uint8Array(payload.buffer, payload.byteOffset - length, length + payload.length);
}
