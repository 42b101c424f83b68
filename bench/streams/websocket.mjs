// Just enough of the native wire on a bare socket that the generator is not what is measured. Frames are masked with zeros.
import { openSocket } from "./http.mjs";

const UPGRADE =
  "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: plexline.v1\r\n\r\n";

/** A text frame of a client. */
export function frameOf(message) {
  const payload = Buffer.from(JSON.stringify(message));
  const { length } = payload;
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0xfe, length >> 8, length & 255];
  if (length > 0xffff) throw new Error("The generator sends no frames this long.");
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

/** Opens a session with a token; what the server sends goes to `onData`, bytes as they come, from its first on. */
export async function openSession(port, token, onData) {
  const socket = await openSocket(port);
  socket.write(Buffer.concat([Buffer.from(UPGRADE), frameOf({ type: "hello", token })]));
  socket.on("data", onData);
  return socket;
}
