// socket.io with its own rooms, WebSocket only.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { reportTo } from "../harness/child.mjs";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });
io.on("connection", (socket) => {
  const { room, publish } = socket.handshake.query;
  if (publish === undefined) socket.join(room);
  socket.on("m", (data) => io.to(room).emit("m", data));
});
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () =>
  reportTo(process, { port: http.address().port }),
);
