import { createRunReader } from "@plexline/features/stream/reader";
import { WebSocket } from "ws";
import { createRecord } from "./record.mjs";

const TRANSPORTS = ["sse", "long-poll", "websocket"];
const POLICY = { version: 0, allowed: TRANSPORTS, preferred: "websocket", percent: 100, salt: "" };
/** Events between two changes of transport. */
const STAY = 30;

/** Our reader of runs, which takes another transport again and again while it reads. */
export function readSwitching({ url, run, name, onChange }) {
  const record = createRecord(name, { onChange });
  const reader = createRunReader({
    url,
    sessionId: run,
    token: name,
    policy: POLICY,
    WebSocket,
    restMs: 100,
  });
  let switches = 0;
  reader.on("event", (event) => {
    record.hear(event);
    if (record.isEnded || record.seen.length % STAY !== 0) return;
    // One that does not come about, because the server is dead, leaves it where it is.
    reader.switchTo(TRANSPORTS[switches++ % TRANSPORTS.length]).catch(() => {});
  });
  reader.on("gap", ({ reason }) => record.faults.push(`a gap: ${reason}`));
  reader.on("error", ({ code }) => record.faults.push(`failed: ${code}`));
  return { record, stop: () => reader.close() };
}
