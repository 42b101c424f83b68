// `ws` with messages of an application: parsed, checked, given sender and time, and sent as JSON made once.
import { serveRooms } from "./room.mjs";

serveRooms((room, data) => {
  const message = JSON.parse(data.toString());
  if (message.type !== "publish" || typeof message.event !== "string") return;
  const text = JSON.stringify({
    type: "push",
    topic: message.topic,
    event: message.event,
    payload: message.payload,
    atMs: Date.now(),
  });
  for (const client of room) client.send(text);
});
