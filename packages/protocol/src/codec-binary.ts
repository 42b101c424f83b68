import type { BinaryMessage } from "./message.ts";
import { readVarint, varintBytes, writeVarint } from "./varint.ts";

/** The bytes of a binary message, in one new buffer: varint alias, varint kind, payload. */
export function encodeBinaryMessage(message: BinaryMessage): Uint8Array {
  const { alias, kind, payload } = message;
  const data = new Uint8Array(varintBytes(alias) + varintBytes(kind) + payload.length);
  const at = writeVarint(data, writeVarint(data, 0, alias), kind);
  data.set(payload, at);
  return data;
}

/** Reads a binary message. Its payload is a view of `data`, not a copy. Throws MALFORMED_MESSAGE. */
export function decodeBinaryMessage(data: Uint8Array): BinaryMessage {
  const alias = readVarint(data, 0);
  const kindAt = varintBytes(alias);
  const kind = readVarint(data, kindAt);
  return { alias, kind, payload: data.subarray(kindAt + varintBytes(kind)) };
}
