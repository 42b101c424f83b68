// What the peers on bare `ws` have in common: a server whose path says which room a connection belongs to.
import { WebSocketServer } from "ws";
import { reportTo } from "../harness/child.mjs";

/**
 * `/r/ROOM` joins a room, and what is sent goes to all of it; `/p/ROOM` only publishes.
 * `publish(room, data, isBinary)` is what makes one peer different from another; `room` is a set of `ws` sockets.
 */
export function serveRooms(publish) {
  const rooms = new Map();
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, backlog: 4096 });
  server.on("connection", (socket, request) => {
    const [, kind, name] = request.url.split("/");
    let room = rooms.get(name);
    if (!room) {
      room = new Set();
      rooms.set(name, room);
    }
    const joined = room;
    if (kind === "r") joined.add(socket);
    socket.on("message", (data, isBinary) => publish(joined, data, isBinary));
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      joined.delete(socket);
      if (joined.size === 0 && rooms.get(name) === joined) rooms.delete(name);
    });
  });
  server.on("listening", () => reportTo(process, { port: server.address().port }));
}
