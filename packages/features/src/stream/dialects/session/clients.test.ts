import { type BaseEvent, HttpAgent, type RunAgentInput } from "@ag-ui/client";
import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from "ai";
import { EventSource } from "eventsource";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  eventually,
  openEvents,
  produceOnce,
  type RunsOptions,
  sign,
  startRuns,
  type Told,
} from "../runs.fixture.ts";

// The clients that people have, as they are published, against a server as applications start it.

const HTTP = "/api/stream?sessionId=7";
const words = Array.from({ length: 30 }, (_, n) => `word${n} `);

/** What a model says with a thought, a tool and a text, as the AI SDK streams it. */
const CHUNKS = [
  { type: "start", messageId: "m1" },
  { type: "start-step" },
  { type: "reasoning-start", id: "r" },
  ...words.map((delta) => ({ type: "reasoning-delta", id: "r", delta })),
  { type: "reasoning-end", id: "r" },
  { type: "tool-input-start", toolCallId: "t", toolName: "search" },
  ...[`{"q":`, `"a`, `b"}`].map((inputTextDelta) => ({
    type: "tool-input-delta",
    toolCallId: "t",
    inputTextDelta,
  })),
  { type: "tool-input-available", toolCallId: "t", toolName: "search", input: { q: "ab" } },
  { type: "tool-output-available", toolCallId: "t", output: [1, 2] },
  { type: "finish-step" },
  { type: "start-step" },
  { type: "text-start", id: "x" },
  { type: "text-start", id: "y" },
  ...words.flatMap((delta, n) => [
    { type: "text-delta", id: n % 7 ? "x" : "y", delta },
    ...(n === 9 ? [{ type: "text-delta", id: "x", delta: "!", providerMetadata: { p: { n: 1 } } }] : []),
  ]),
  { type: "text-end", id: "x" },
  { type: "text-end", id: "y" },
  { type: "data-note", id: "d", data: { a: 1 } },
  { type: "finish-step" },
  { type: "finish" },
] as UIMessageChunk[];

const headersOf = (user = "ada") => ({ authorization: `Bearer ${sign(user)}` });

/** The stream that the AI SDK's own transport opens when a page is loaded again; null if nothing happens there. */
function reconnect(url: string, query = "") {
  const transport = new DefaultChatTransport<UIMessage>({
    prepareReconnectToStreamRequest: ({ id }) => ({
      api: `${url}/api/stream?sessionId=${id}&format=ai-sdk${query}`,
      headers: headersOf(),
    }),
  });
  return transport.reconnectToStream({ chatId: "7" });
}

async function lastMessage(stream: ReadableStream<UIMessageChunk> | null): Promise<UIMessage | undefined> {
  let last: UIMessage | undefined;
  if (stream === null) return undefined;
  for await (const message of readUIMessageStream({ stream, terminateOnError: true })) last = message;
  return last;
}

describe("the AI SDK", () => {
  test("[SE14] [SE15] a live reader, late ones and one that resumes end with the same message", async () => {
    const { url, handle } = await startRuns();
    expect(await reconnect(url)).toBeNull();
    const run = handle("7");
    await run.append(CHUNKS[0]);
    const live = lastMessage(await reconnect(url));
    const half = Math.floor(CHUNKS.length / 2);
    for (const chunk of CHUNKS.slice(1, half)) await run.append(chunk);
    const late = lastMessage(await reconnect(url));
    const resumed = readResumed(url);
    await eventually(() => expect(resumed.seen.length).toBeGreaterThan(5));
    resumed.drop();
    for (const chunk of CHUNKS.slice(half)) await run.append(chunk);
    await run.close();
    const afterwards = lastMessage(await reconnect(url));
    const messages = await Promise.all([live, late, afterwards, lastMessage(resumed.stream)]);
    const whole = await lastMessage(
      new ReadableStream({
        start(controller) {
          for (const chunk of CHUNKS) controller.enqueue(chunk);
          controller.close();
        },
      }),
    );
    expect(whole?.parts.length).toBeGreaterThan(5);
    expect(messages).toEqual([whole, whole, whole, whole]);
  });

  test("[SE14] late joiners are given fewer chunks, and the right ending", async () => {
    const { url, handle } = await startRuns();
    await handle("7").append(...CHUNKS);
    await handle("7").close();
    const { response, blocks, ended } = await openEvents(`${url}${HTTP}&format=ai-sdk`);
    await ended;
    const data = blocks().flatMap((block) => block.data ?? []);
    expect(response.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
    expect(data.at(-1)).toBe("[DONE]");
    expect(data.length).toBeLessThan(CHUNKS.length / 2);
    const last = blocks().at(-1)?.id;
    expect((await openEvents(`${url}${HTTP}&format=ai-sdk&cursor=${last}`)).response.status).toBe(204);
  });

  test("[SE15] a producer that is lost is told as an error, and the body ends", async () => {
    const { url, port } = await startRuns();
    await produceOnce(port, CHUNKS.slice(0, 5), 1_000);
    const { ended, blocks } = await openEvents(`${url}${HTTP}&format=ai-sdk`);
    await ended;
    const data = blocks().flatMap((block) => block.data ?? []);
    expect(data).toEqual([
      ...CHUNKS.slice(0, 3).map((chunk) => JSON.stringify(chunk)),
      JSON.stringify({ type: "reasoning-delta", id: "r", delta: "word0 word1 " }),
      expect.stringContaining("errorText"),
      "[DONE]",
    ]);
  });
});

/** A reader by hand of the AI SDK's chunks, whose line is cut and who comes back by the cursor of the last that it has. */
function readResumed(url: string) {
  const seen: string[] = [];
  let cursor = "";
  let abort = new AbortController();
  let enqueue: (chunk: UIMessageChunk) => void = () => {};
  let close = () => {};
  const stream = new ReadableStream<UIMessageChunk>({
    start(controller) {
      enqueue = (chunk) => controller.enqueue(chunk);
      close = () => controller.close();
    },
  });
  const read = async (): Promise<boolean> => {
    const query = cursor === "" ? "" : `&cursor=${cursor}`;
    const response = await fetch(`${url}${HTTP}&format=ai-sdk${query}`, {
      headers: headersOf(),
      signal: abort.signal,
    });
    let text = "";
    for await (const part of response.body ?? []) {
      text += Buffer.from(part).toString();
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
        const [, id, data] = /^id: (.*)\ndata: (.*)$/s.exec(text.slice(0, end)) ?? [];
        text = text.slice(end + 2);
        if (id === undefined || data === undefined) continue;
        if (data === "[DONE]") return true;
        cursor = id;
        seen.push(data);
        enqueue(JSON.parse(data));
      }
    }
    return false;
  };
  void (async () => {
    while (!(await read().catch(() => false))) abort = new AbortController();
    close();
  })();
  return { seen, stream, drop: () => abort.abort() };
}

/** AG-UI's own client, which only asks by POST, asking by GET. */
class ReadingAgent extends HttpAgent {
  protected override requestInit(_input: RunAgentInput): RequestInit {
    const headers = { ...this.headers, accept: "text/event-stream" };
    return { method: "GET", headers, signal: this.abortController.signal };
  }
}

const RUN = [
  { type: "RUN_STARTED", threadId: "t", runId: "7" },
  { type: "TEXT_MESSAGE_START", messageId: "m", role: "assistant" },
  ...words.map((delta) => ({ type: "TEXT_MESSAGE_CONTENT", messageId: "m", delta })),
  { type: "TEXT_MESSAGE_END", messageId: "m" },
  { type: "TOOL_CALL_START", toolCallId: "c", toolCallName: "search", parentMessageId: "m" },
  ...[`{"q":`, `1}`].map((delta) => ({ type: "TOOL_CALL_ARGS", toolCallId: "c", delta })),
  { type: "TOOL_CALL_END", toolCallId: "c" },
  { type: "STATE_SNAPSHOT", snapshot: { count: 1 } },
  { type: "STATE_DELTA", delta: [{ op: "replace", path: "/count", value: 2 }] },
];

async function runAgent(url: string, events: BaseEvent[] = []) {
  const agent = new ReadingAgent({ url: `${url}${HTTP}&format=ag-ui`, headers: headersOf() });
  const errors: unknown[] = [];
  await agent
    .runAgent(
      {},
      {
        onEvent: ({ event }) => void events.push(event),
        onRunErrorEvent: ({ event }) => void errors.push(event),
      },
    )
    .catch((error: unknown) => errors.push(error));
  return { messages: agent.messages, state: agent.state, count: events.length, errors };
}

describe("AG-UI", () => {
  test("[SE14] [SE15] a live reader and late ones end with the same messages and state", async () => {
    const { url, handle } = await startRuns();
    await handle("7").append(RUN[0]);
    const heard: BaseEvent[] = [];
    const live = runAgent(url, heard);
    await eventually(() => expect(heard).toHaveLength(1));
    for (const event of RUN.slice(1, 15)) await handle("7").append(event);
    const late = runAgent(url);
    for (const event of RUN.slice(15)) await handle("7").append(event);
    await handle("7").append({ type: "RUN_FINISHED", threadId: "t", runId: "7" });
    await handle("7").close();
    const [first, second, third] = await Promise.all([live, late, runAgent(url)]);
    expect(first).toMatchObject({ errors: [], state: { count: 2 }, messages: [{ content: words.join("") }] });
    for (const other of [second, third]) expect({ ...other, count: 0 }).toEqual({ ...first, count: 0 });
    expect(third.count).toBeLessThan(first.count / 2);
  });

  test("[SE15] a run that is closed before it has finished, and one whose producer is lost, end with RUN_ERROR", async () => {
    const { url, handle } = await startRuns();
    await handle("7").append(...RUN.slice(0, 5));
    const live = runAgent(url);
    await handle("7").close();
    const closed = { errors: [expect.objectContaining({ type: "RUN_ERROR", code: "RUN_CLOSED" })] };
    expect(await live).toMatchObject(closed);
    expect(await runAgent(url)).toMatchObject(closed);
    const abandoned = await startRuns();
    await produceOnce(abandoned.port, RUN.slice(0, 5), 1_000);
    expect(await runAgent(abandoned.url)).toMatchObject({
      errors: [expect.objectContaining({ type: "RUN_ERROR", code: "PRODUCER_LOST" })],
    });
  });
});

describe("EventSource", () => {
  /** A native reader of a run, and the events that it was told, without those of who writes. */
  function listen(url: string) {
    const told: Told[] = [];
    const source = new EventSource(`${url}${HTTP}`, {
      fetch: (input, init) => fetch(input, { ...init, headers: { ...init?.headers, ...headersOf() } }),
    });
    onTestFinished(() => source.close());
    source.onmessage = ({ data }) => {
      const message = JSON.parse(data) as Told;
      if (message.type === "agent:partial") told.push(message);
    };
    return { source, contents: () => told.map(({ content }) => content) };
  }

  async function openRun(options: RunsOptions = {}) {
    const started = await startRuns(options);
    let count = 0;
    const write = async (run = started.handle("7")) => {
      for (let end = count + 5; count < end; count += 1)
        await run.append({ type: "partial", content: `${count}` });
    };
    const all = () => Array.from({ length: count }, (_, n) => `${n}`);
    return { ...started, write, all };
  }

  test("[SE8] [SE10] over ends of its stream it is told everything once and in order, and stops when the run has ended", async () => {
    const { url, write, all, handle } = await openRun({
      stream: { rotateMs: 150, random: { next: () => 0 } },
    });
    const { source, contents } = listen(url);
    await eventually(() => expect(source.readyState).toBe(EventSource.OPEN));
    for (let round = 0; round < 3; round += 1) {
      await write();
      await eventually(() => expect(source.readyState).toBe(EventSource.CONNECTING));
      await write();
      await eventually(() => expect(contents()).toEqual(all()));
    }
    await handle("7").done(1);
    await eventually(() => expect(source.readyState).toBe(EventSource.CLOSED));
    expect(contents()).toEqual(all());
  });

  test("[SE10] over a drain and a server in the place of the first it misses nothing", async () => {
    const { url, port, storage, write, all, close } = await openRun();
    const { source, contents } = listen(url);
    await eventually(() => expect(source.readyState).toBe(EventSource.OPEN));
    await write();
    await close();
    const next = await startRuns({ storage, port });
    await write(next.app.stream("run", { id: "7" }));
    await eventually(() => expect(contents()).toEqual(all()));
  });
});
