// `ws` with one frame built for each message, written to the sockets behind it.
import { buildFrame } from "./frame.mjs";
import { serveRooms } from "./room.mjs";

serveRooms((room, data, isBinary) => {
  const frame = buildFrame(data, isBinary);
  for (const client of room) client._socket.write(frame);
});
