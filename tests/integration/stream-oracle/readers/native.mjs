import { runFold } from "@plexline/features/client";
import { createHttpStream } from "@plexline/features/stream/http-client";
import { tokenOf } from "../tokens.mjs";
import { createRecord } from "./record.mjs";

const EVENTS = ["chunk", "request", "outcome", "producer", "ask", "close"];

/** Reads over our own client, from the beginning, or as a late joiner with the fold. */
export function readNative({ client, run, name, hasFold = false, onChange }) {
  const handle = client.stream(`run:${run}`, hasFold ? { fold: runFold } : { since: "start" });
  return follow(handle, { name, hasFold, onChange });
}

/** The same over plain HTTP. */
export function readHttp({ url, run, name, onChange }) {
  const handle = createHttpStream({
    url: `${url}/api/streams`,
    token: name,
    topic: `run:${run}`,
    since: "start",
  });
  return follow(handle, { name, hasFold: false, onChange });
}

function follow(handle, { name, hasFold, onChange }) {
  const record = createRecord(name, { onChange });
  if (!hasFold) record.began = 0;
  for (const event of EVENTS)
    handle.on(event, (payload, { cursor, offset }) => {
      record.began ??= offset - 1;
      record.take(tokenOf(event, payload), cursor);
      if (event !== "close") return;
      // Together with what it began with, what came since makes the whole.
      if (hasFold) record.folds.push({ offset, state: JSON.parse(JSON.stringify(handle.fold)) });
      record.end();
    });
  handle.on("gap", ({ reason }) => record.faults.push(`a gap: ${reason}`));
  handle.on("error", ({ code }) => record.faults.push(`failed: ${code}`));
  return { record, stop: () => handle.leave() };
}
