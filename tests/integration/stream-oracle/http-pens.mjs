// Writers that have nothing but `fetch`: what has no answer is sent again as it was.
import { WriterEnd } from "./writing.mjs";

const RETRY_MS = { min: 20, max: 100 };
/** An answer that takes longer is taken for lost. */
const TIMEOUT_MS = 10_000;

/** Sends a request until it is answered with a status below 500. */
async function insist(url, options, { random, onLost }) {
  for (;;) {
    try {
      const response = await fetch(url, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
      const text = await response.text();
      if (response.status < 500 && response.status !== 429) return { response, text };
    } catch {
      onLost();
    }
    await new Promise((resolve) => {
      setTimeout(() => resolve(), RETRY_MS.min + random() * (RETRY_MS.max - RETRY_MS.min));
    });
  }
}

const headersOf = (user) => ({ Authorization: `Bearer ${user}`, "Content-Type": "application/json" });

/** A producer by the Durable Streams protocol. */
export function durablePen({ url, run, life }, { random, onLost }) {
  const address = `${url}/v1/stream/runs/${run}`;
  const headers = headersOf(`durable-${run}`);
  let sequence = 0;
  const post = async (body, more = {}) => {
    const own = { "Producer-Id": "d", "Producer-Epoch": String(life), "Producer-Seq": String(sequence++) };
    const options = { method: "POST", headers: { ...headers, ...own, ...more }, body };
    const { response, text } = await insist(address, options, { random, onLost });
    if (response.ok) return;
    if (response.status === 403) throw new WriterEnd("fenced");
    if (response.headers.get("Stream-Closed") === "true") throw new WriterEnd("closed");
    throw new Error(`${response.status} ${text}`);
  };
  return {
    window: 1,
    async begin() {
      const { response, text } = await insist(address, { method: "PUT", headers }, { random, onLost });
      // What is there already is the same stream, or one that somebody has closed.
      if (!response.ok && response.status !== 409) throw new Error(`${response.status} ${text}`);
    },
    append: (values) => post(JSON.stringify(values)),
    close: () => post(null, { "Stream-Closed": "true" }),
  };
}

/** Somebody who posts the messages of agent sessions, each under an id of its own. */
export function postingPen({ url, run, life }, { random, onLost }) {
  const address = `${url}/api/stream?sessionId=${run}`;
  const headers = headersOf(`posting-${run}`);
  const post = async (messages) => {
    const options = { method: "POST", headers, body: JSON.stringify(messages) };
    const { response, text } = await insist(address, options, { random, onLost });
    if (response.ok) return;
    if (JSON.parse(text).error?.code === "STREAM_CLOSED") throw new WriterEnd("closed");
    throw new Error(`${response.status} ${text}`);
  };
  return {
    window: 1,
    append: (values) =>
      post(values.map(({ content }) => ({ type: "agent:partial", content, id: `${run} ${content}` }))),
    close: () => post([{ type: "agent:done", id: `${run} done ${life}` }]),
  };
}
