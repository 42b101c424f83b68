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

const WELCOME = Buffer.from('"type":"welcome"');

/** Opens a session with a token, and resolves once it is welcome; what comes then goes to `onData`, bytes as they come. */
export async function openSession(port, token, onData) {
  const socket = await openSocket(port);
  socket.write(Buffer.concat([Buffer.from(UPGRADE), frameOf({ type: "hello", token })]));
  await new Promise((resolve, reject) => {
    socket.on("data", function wait(chunk) {
      if (!chunk.includes(WELCOME)) return;
      socket.off("data", wait);
      resolve();
    });
    socket.once("close", () => reject(new Error("The session was refused.")));
  });
  socket.on("data", onData);
  return socket;
}
