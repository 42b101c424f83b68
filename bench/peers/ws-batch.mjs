// `ws` with what a room gets in one tick as one buffer: one concatenation for the room, one write for each socket.
import { buildFrame } from "./frame.mjs";
import { serveRooms } from "./room.mjs";

const waiting = new Map();
let isScheduled = false;

function flush() {
  isScheduled = false;
  for (const [room, frames] of waiting) {
    const bytes = frames.length === 1 ? frames[0] : Buffer.concat(frames);
    for (const client of room) client._socket.write(bytes);
  }
  waiting.clear();
}

serveRooms((room, data, isBinary) => {
  const frame = buildFrame(data, isBinary);
  const frames = waiting.get(room);
  if (frames) frames.push(frame);
  else waiting.set(room, [frame]);
  if (isScheduled) return;
  isScheduled = true;
  setImmediate(flush);
});
