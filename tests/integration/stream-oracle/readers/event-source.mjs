// The published client of server-sent events: it comes back by itself, with what `id` it was told last.
import { EventSource } from "eventsource";
import { bearer, createRecord } from "./record.mjs";

/** Reads a run at `/api/stream`. */
export function readEventSource({ url, run, name, onChange }) {
  const record = createRecord(name, { onChange });
  const source = open(`${url}/api/stream?sessionId=${run}`, name, record);
  source.onmessage = ({ data }) => {
    record.hear(JSON.parse(data));
    if (record.isEnded) source.close();
  };
  return { record, stop: () => source.close() };
}

/** Reads a run as a Durable Stream. Data counts when the control event behind it has come: that has the place. */
export function readDurableEventSource({ url, run, name, onChange }) {
  const record = createRecord(name, { isChunksOnly: true, onChange });
  record.began = 0;
  const source = open(`${url}/v1/stream/runs/${run}?offset=-1&live=sse`, name, record);
  let waiting = [];
  source.onopen = () => {
    waiting = [];
  };
  source.addEventListener("data", ({ data }) => {
    waiting = JSON.parse(data);
  });
  source.addEventListener("control", ({ data }) => {
    for (const { type, content } of waiting) record.take(type === "partial" ? content : type);
    waiting = [];
    const { streamNextOffset, streamClosed } = JSON.parse(data);
    record.move(streamNextOffset);
    if (!streamClosed) return;
    source.close();
    record.end();
  });
  return { record, stop: () => source.close() };
}

function open(address, name, record) {
  const source = new EventSource(address, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, ...bearer(name) } }),
  });
  source.onerror = ({ code }) => {
    if (source.readyState === source.CLOSED && !record.isEnded)
      record.faults.push(`given up: ${code ?? "no status"}`);
  };
  return source;
}
