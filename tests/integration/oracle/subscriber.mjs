import { createClient } from "@plexline/client";
import { WebSocket } from "ws";

/** A client that receives every topic over all kills and keeps what it saw, by topic. */
export function startSubscriber(url, topics) {
  const client = createClient({
    url,
    WebSocket,
    token: () => "subscriber",
    reconnect: { baseMs: 20, capMs: 100 },
  });
  const seen = new Map();
  const gaps = [];
  const subscribed = topics.map((address) => {
    const pushes = [];
    seen.set(address, pushes);
    const topic = client.topic(address);
    topic.on("push", ({ offset, key }) => pushes.push({ offset, key }));
    topic.on("gap", ({ reason }) =>
      gaps.push(`${address}: the live subscriber was told of a gap (${reason})`),
    );
    topic.subscribe();
    return topic.whenSubscribed();
  });
  return {
    seen,
    gaps,
    ready: Promise.all(subscribed),
    /** Resolves when the connection is known to be lost: nothing of the dead server can arrive any more. */
    lost: () => reached(client, () => client.status.state !== "connected"),
    /** Resolves when it has seen as much of a topic as the log holds. */
    caughtUp: (log) => reached(client, () => (seen.get(log.topic).at(-1)?.offset ?? 0) >= log.head),
    close: () => client.close(),
  };
}

/** Looks again after everything that the client receives or does. */
function reached(client, holds) {
  return new Promise((resolve) => {
    const offs = [];
    const check = () => {
      if (!holds()) return;
      for (const off of offs) off();
      resolve();
    };
    // A wire event comes before the message is applied, so the look comes after it.
    offs.push(
      client.on("wire", () => queueMicrotask(check)),
      client.on("status", check),
    );
    check();
  });
}
