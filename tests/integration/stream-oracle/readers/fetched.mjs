// Readers that have nothing but `fetch`, and keep their cursor themselves.
import { backOff, bearer, createRecord } from "./record.mjs";

/**
 * Asks again and again until the record is ended or it is stopped. `ask(record, signal)` takes one answer in, whole or as far
 * as it came, and throws what the network does.
 */
function keepAsking(record, ask) {
  const control = new AbortController();
  const loop = async () => {
    while (!record.isEnded && !control.signal.aborted) {
      try {
        await ask(record, control.signal);
      } catch {
        await backOff();
      }
    }
  };
  void loop();
  return { record, stop: () => control.abort() };
}

/** A response that is not a server on its way up or down, or a run that nobody has begun. */
async function get(address, { record, signal, absent = [] }) {
  const response = await fetch(address, { headers: bearer(record.name), signal });
  if (response.ok) return response;
  const text = await response.text();
  if (!absent.includes(response.status) && response.status !== 503)
    record.faults.push(`answered ${response.status} ${text}`);
  throw new Error(`${response.status}`);
}

/** The events of a body, as far as they have come whole. */
export async function* eventsOf(response) {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = { event: "message", data: "" };
      for (const line of text.slice(0, end).split("\n")) {
        const [, field, value] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
        if (field === "data") event.data += value;
        else if (field) event[field] = value;
      }
      text = text.slice(end + 2);
      if (event.data !== "") yield event;
    }
  }
}

/** `forgets`: the planted fault, a reader that comes back with a cursor that it had some events ago. */
export function readSse({ url, run, name, forgets = false, onChange }) {
  const record = createRecord(name, { onChange });
  const cursors = [];
  const ask = async (_, signal) => {
    const since = forgets ? (cursors.at(-10) ?? record.cursor) : record.cursor;
    const cursor = since === null ? "" : `&cursor=${since}`;
    const response = await get(`${url}/api/stream?sessionId=${run}${cursor}`, { record, signal });
    for await (const { data } of eventsOf(response)) {
      record.hear(JSON.parse(data));
      if (record.cursor !== cursors.at(-1)) cursors.push(record.cursor);
      if (record.isEnded) return;
    }
  };
  return keepAsking(record, ask);
}

export function readPoll({ url, run, name, onChange }) {
  const record = createRecord(name, { onChange });
  return keepAsking(record, async (_, signal) => {
    const cursor = record.cursor === null ? "" : `&cursor=${record.cursor}`;
    const address = `${url}/api/stream?sessionId=${run}&live=long-poll${cursor}`;
    const page = await (await get(address, { record, signal })).json();
    for (const message of page.events) record.hear(message);
    record.move(page.cursor);
    if (page.closed && !record.isEnded) record.faults.push("told closed, without a close");
  });
}

export function readDurableSse({ url, run, name, onChange }) {
  const record = createRecord(name, { isChunksOnly: true, onChange });
  record.began = 0;
  return keepAsking(record, async (_, signal) => {
    const address = `${url}/v1/stream/runs/${run}?live=sse&offset=${record.cursor ?? -1}`;
    const response = await get(address, { record, signal, absent: [404] });
    let waiting = [];
    for await (const { event, data } of eventsOf(response)) {
      const value = JSON.parse(data);
      if (event === "data") waiting = value;
      else {
        takeChunks(record, waiting, value.streamNextOffset, value.streamClosed === true);
        waiting = [];
      }
      if (record.isEnded) return;
    }
  });
}

export function readDurablePoll({ url, run, name, onChange }) {
  const record = createRecord(name, { isChunksOnly: true, onChange });
  record.began = 0;
  return keepAsking(record, async (_, signal) => {
    const address = `${url}/v1/stream/runs/${run}?live=long-poll&offset=${record.cursor ?? -1}`;
    const response = await get(address, { record, signal, absent: [404] });
    const text = await response.text();
    const { headers } = response;
    takeChunks(
      record,
      text === "" ? [] : JSON.parse(text),
      headers.get("stream-next-offset"),
      headers.get("stream-closed") === "true",
    );
  });
}

/** Chunks that came together, whose place is that of the last. */
export function takeChunks(record, chunks, cursor, isEnd) {
  for (const { type, content } of chunks) record.take(type === "partial" ? content : type);
  record.move(cursor);
  if (isEnd) record.end();
}
