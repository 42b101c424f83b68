import { once } from "node:events";
import { WebSocket } from "ws";

/**
 * Reads a topic's whole log over the wire, as a fresh client that subscribes from offset 0 of the epoch. Speaks the
 * protocol by itself, because no client of ours would ask for that.
 */
export async function readLog(url, topic) {
  const socket = new WebSocket(url, ["plexline.v1"]);
  const messages = receive(socket);
  await once(socket, "open");
  const send = (message) => socket.send(JSON.stringify(message));
  send({ type: "hello", token: "reader" });
  await messages.next(({ type }) => type === "welcome");
  send({ type: "subscribe", ref: 1, topic });
  const newest = resultOf(await messages.next(({ ref }) => ref === 1));
  const { epoch } = newest.position;
  send({ type: "subscribe", ref: 2, topic, since: { epoch, offset: 0 } });
  const { head, recovered } = resultOf(await messages.next(({ ref }) => ref === 2));
  if (!recovered) throw new Error(`${topic} cannot be read from its beginning.`);
  const entries = [];
  while (entries.length < head) {
    const push = await messages.next(({ type }) => type === "push" || type === "gap");
    if (push.type === "gap") throw new Error(`${topic} has a gap: ${push.reason}.`);
    entries.push({ offset: push.offset, key: push.key, user: push.user, n: push.payload.n });
  }
  socket.close(1000);
  return { topic, epoch, head, entries };
}

function resultOf(reply) {
  if (!reply.ok) throw new Error(`${reply.error.code}: ${reply.error.message}`);
  return reply.result;
}

/** The messages of a socket, one after the other; those that do not satisfy `wanted` are skipped. */
function receive(socket) {
  const queue = [];
  let first = 0;
  let wake = () => {};
  let closed;
  socket.on("message", (data) => {
    queue.push(JSON.parse(data.toString()));
    wake();
  });
  socket.on("error", () => {}); // the close that follows ends the wait
  socket.on("close", (code, reason) => {
    closed = `closed with ${code} ${reason}`;
    wake();
  });
  return {
    async next(wanted) {
      for (;;) {
        while (first < queue.length) {
          const message = queue[first];
          queue[first++] = undefined;
          if (wanted(message)) return message;
        }
        if (closed !== undefined) throw new Error(`The reader's connection was ${closed}.`);
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
