// `ws` as most servers use it: what comes in is sent to each member of the room.
import { serveRooms } from "./room.mjs";

serveRooms((room, data, isBinary) => {
  for (const client of room) client.send(data, { binary: isBinary });
});
