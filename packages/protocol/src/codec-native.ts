import type { Codec } from "./codec.ts";
import { decodeBinaryMessage, encodeBinaryMessage } from "./codec-binary.ts";
import { decodeClientMessage, decodeServerMessage } from "./codec-json.ts";
import type { JsonLimits } from "./json.ts";
import type { BinaryMessage, ClientMessage, ServerMessage } from "./message.ts";
import { SUBPROTOCOL } from "./version.ts";

/** `plexline.v1` as a server speaks it. `limits` bound what clients may send. */
export function createServerCodec(
  limits?: JsonLimits,
): Codec<ServerMessage | BinaryMessage, ClientMessage | BinaryMessage> {
  return {
    name: SUBPROTOCOL,
    encode,
    decode: (data) => decode(data, (text) => decodeClientMessage(text, limits)),
  };
}

/** `plexline.v1` as a client speaks it. */
export function createClientCodec(
  limits?: JsonLimits,
): Codec<ClientMessage | BinaryMessage, ServerMessage | BinaryMessage> {
  return {
    name: SUBPROTOCOL,
    encode,
    decode: (data) => decode(data, (text) => decodeServerMessage(text, limits)),
  };
}

function encode(message: ClientMessage | ServerMessage | BinaryMessage): string | Uint8Array {
  return "type" in message ? JSON.stringify(message) : encodeBinaryMessage(message);
}

function decode<M>(data: string | Uint8Array, decodeText: (text: string) => M): M | BinaryMessage {
  return typeof data === "string" ? decodeText(data) : decodeBinaryMessage(data);
}
