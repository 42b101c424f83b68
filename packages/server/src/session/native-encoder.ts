import { type BinaryMessage, createServerCodec, type ServerMessage } from "@plexline/protocol";
import type { Encoded, Encoder } from "../broker/publication.ts";

const codec = createServerCodec();

/** The native wire. One object for all connections, so that a publication is encoded once for all of them. */
export const nativeEncoder: Encoder = {
  isShared: true,
  isTimeless: true,
  encode(message: ServerMessage | BinaryMessage): Encoded {
    const data = codec.encode(message);
    return { data, bytes: typeof data === "string" ? Buffer.byteLength(data) : data.byteLength };
  },
};
