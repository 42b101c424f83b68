// A writer that sends the messages of agent sessions over a plain WebSocket, and sends again what was not acknowledged.
import { WebSocket } from "ws";
import { WriterEnd } from "./writing.mjs";

const RETRY_MS = { min: 20, max: 100 };
/** Errors after which the same message may be taken. */
const PASSING = new Set(["OVERLOADED", "STORAGE_UNAVAILABLE", "SHUTTING_DOWN", "RATE_LIMITED"]);

export function socketPen({ url, run, life }, { random, onLost }) {
  const address = `${url.replace("http", "ws")}/api/ws?type=agent&sessionId=${run}&token=socket-${run}`;
  /** Messages without answer, in the order in which they go. */
  const waiting = new Map();
  let isOver = false;
  let socket;

  const end = (reason) => {
    isOver = true;
    socket.close();
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  const hear = (message) => {
    if (message.type === "agent:ack") {
      waiting.get(message.id)?.resolve();
      waiting.delete(message.id);
    } else if (message.type === "error") {
      if (PASSING.has(message.code)) socket.close();
      else end(message.code === "STREAM_CLOSED" ? new WriterEnd("closed") : new Error(message.code));
    }
  };
  const connect = () => {
    socket = new WebSocket(address);
    socket.on("open", () => {
      for (const { text } of waiting.values()) socket.send(text);
    });
    socket.on("message", (data) => hear(JSON.parse(data.toString())));
    socket.on("error", () => {}); // the close that follows says all
    socket.on("close", () => {
      if (isOver) return;
      onLost();
      setTimeout(() => isOver || connect(), RETRY_MS.min + random() * (RETRY_MS.max - RETRY_MS.min));
    });
  };
  const send = (message, id) =>
    new Promise((resolve, reject) => {
      const text = JSON.stringify({ ...message, sessionId: run, key: id });
      waiting.set(id, { text, resolve, reject });
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    });

  connect();
  return {
    window: 4,
    append: (values) =>
      Promise.all(values.map(({ content }) => send({ type: "agent:partial", content }, `${run} ${content}`))),
    close: () => send({ type: "agent:done" }, `${run} done ${life}`),
    drop() {
      isOver = true;
      socket.close();
    },
  };
}
