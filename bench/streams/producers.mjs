// Producers: each appends the next token when its last one was acknowledged.
import { HttpConnection, requestText } from "./http.mjs";
import { tokenText } from "./tokens.mjs";
import { frameOf, openSession } from "./websocket.mjs";

/** So many appends under way at once, each on a connection of its own: HTTP answers one request at a time. */
async function openHttp({ port, path, token }, inFlight) {
  const connections = await Promise.all(Array.from({ length: inFlight }, () => HttpConnection.open(port)));
  return {
    append: (index, text) => connections[index].request(requestText("POST", { path, token }, { body: text })),
    close() {
      for (const connection of connections) connection.close();
    },
  };
}

const OPEN = '{"type"';

/** So many appends under way at once on one connection. */
async function openNative({ port, path, token }) {
  const waiting = new Map();
  let text = "";
  const socket = await openSession(port, token, (chunk) => {
    text += chunk.toString("latin1");
    const replies = text.split(OPEN);
    // The last may not be whole yet.
    const isWhole = text.endsWith("}");
    text = isWhole ? "" : OPEN + replies.at(-1);
    for (const reply of isWhole ? replies : replies.slice(0, -1)) {
      const ref = /"ref":(\d+)/.exec(reply)?.[1];
      if (ref === undefined) continue;
      const { resolve, reject } = waiting.get(Number(ref)) ?? {};
      waiting.delete(Number(ref));
      if (reply.startsWith(':"reply"')) resolve?.();
      else reject?.(new Error(reply));
    }
  });
  let ref = 0;
  return {
    append: (_index, value) =>
      new Promise((resolve, reject) => {
        ref += 1;
        waiting.set(ref, { resolve, reject });
        const input = { values: [JSON.parse(value)] };
        socket.write(frameOf({ type: "call", ref, topic: `stream:${path}`, command: "append", input }));
      }),
    close: () => socket.destroy(),
  };
}

/** Opens a producer with so many appends under way; `append` takes which of them it is, and the token. */
export const openProducer = (place, inFlight) =>
  place.wire === "native" ? openNative(place) : openHttp(place, inFlight);

/** Appends from `run.next` on until `run.isOver` says so; `sentAtMs` tells when each was sent. */
export async function produce(producer, inFlight, run) {
  const one = async (index) => {
    while (!run.isOver()) {
      const number = run.next;
      run.next += 1;
      run.sentAtMs[number] = performance.now();
      await producer.append(index, tokenText(number, run.bytes));
      run.acknowledged += 1;
      run.onAcknowledged?.(number);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, index) => one(index)));
}
