import { readUIMessageStream, type UIMessage, type UIMessageChunk } from "ai";
import { describe, expect, test } from "vitest";
import { answerWith, createSpokenModel, eventually, PlainChat, startChats } from "./chat.fixture.ts";
import { pipeUIMessageStream, plexlineChatTransport, ResponseResetError } from "./chat-transport.ts";

/** A server whose chats are answered by a model that the test speaks for. */
async function startAnswering() {
  const { app, connect } = await startChats();
  const spoken = createSpokenModel();
  const runs: string[] = [];
  const answered: Promise<void>[] = [];
  /** What the application's route does. */
  const start = async () => {
    const runId = `r${runs.length}`;
    runs.push(runId);
    const handle = app.stream("run", { id: runId });
    const abort = new AbortController();
    handle.onCancel(({ reason }) => abort.abort(reason));
    answered.push(pipeUIMessageStream(handle, answerWith(spoken.model, abort.signal)));
    return runId;
  };
  const active = () => runs.at(-1) ?? null;
  const optionsFor = (client: ReturnType<typeof connect>) => ({
    stream: (id: string) => client.stream("run", { id }),
    start,
    active,
  });
  return { app, connect, spoken, runs, answered, start, active, optionsFor };
}

const ASKED: UIMessage[] = [
  { id: "q", role: "user", parts: [{ type: "text", text: "What is the weather?" }] },
];

/** The model calls its tool, then speaks. */
async function callTool(spoken: ReturnType<typeof createSpokenModel>): Promise<void> {
  await spoken.step(1);
  spoken.say({ type: "tool-input-start", id: "c1", toolName: "weather" });
  for (const delta of ['{"ci', 'ty":"', 'Oslo"}']) spoken.say({ type: "tool-input-delta", id: "c1", delta });
  spoken.say(
    { type: "tool-input-end", id: "c1" },
    { type: "tool-call", toolCallId: "c1", toolName: "weather", input: '{"city":"Oslo"}' },
  );
  spoken.finish("tool-calls");
  await spoken.step(2);
  spoken.begin();
}

const withoutIds = (messages: readonly UIMessage[]) =>
  messages.filter(({ role }) => role === "assistant").map(({ parts }) => parts);

async function readAll(stream: ReadableStream<UIMessageChunk>): Promise<UIMessageChunk[]> {
  const chunks: UIMessageChunk[] = [];
  for await (const chunk of stream as ReadableStream<UIMessageChunk> & AsyncIterable<UIMessageChunk>)
    chunks.push(chunk);
  return chunks;
}

describe("a chat", () => {
  test("[AS1] [AS3] a tool call and words, over cut connections, in two clients and after a reload", async () => {
    const { connect, spoken, optionsFor, answered } = await startAnswering();
    const ada = connect();
    const chat = new PlainChat(optionsFor(ada));
    const sent = chat.sendMessage({ text: "What is the weather?" });
    await callTool(spoken);
    spoken.words("It ", "is ");
    await eventually(() => expect(chat.text).toBe("It is "));
    ada.cut();
    spoken.words("21 ", "degrees ");
    const bob = connect("bob");
    const other = new PlainChat(optionsFor(bob), { messages: ASKED });
    const resumed = other.resumeStream();
    await eventually(() => expect(other.text).toBe("It is 21 degrees "));
    ada.cut();
    bob.cut();
    spoken.words("in ", "Oslo.");
    await eventually(() =>
      expect([chat.text, other.text]).toEqual(Array(2).fill("It is 21 degrees in Oslo.")),
    );
    const reloaded = new PlainChat(optionsFor(connect()), { messages: chat.messages.slice(0, 1) });
    const replayed = reloaded.resumeStream();
    await eventually(() => expect(reloaded.text).toBe("It is 21 degrees in Oslo."));
    spoken.words(" Bye.");
    spoken.finish("stop");
    await Promise.all([sent, resumed, replayed, ...answered]);
    expect([chat.status, other.status, reloaded.status]).toEqual(["ready", "ready", "ready"]);
    const [parts] = withoutIds(chat.messages);
    expect(parts).toMatchObject([
      { type: "step-start" },
      { type: "tool-weather", state: "output-available", output: { city: "Oslo", degrees: 21 } },
      { type: "step-start" },
      { type: "text", text: "It is 21 degrees in Oslo. Bye.", state: "done" },
    ]);
    expect(withoutIds(other.messages)).toEqual([parts]);
    expect(withoutIds(reloaded.messages)).toEqual([parts]);
    expect(chat.messages.at(-1)?.id).toBe(other.messages.at(-1)?.id);
  });

  test("[AS2] a chat whose page still has half of the answer shows it once after the resume", async () => {
    const { connect, spoken, optionsFor, answered } = await startAnswering();
    const chat = new PlainChat(optionsFor(connect()));
    const sent = chat.sendMessage({ text: "?" });
    await callTool(spoken);
    spoken.words("one ");
    await eventually(() => expect(chat.text).toBe("one "));
    await chat.stop();
    await sent;
    const resumed = chat.resumeStream();
    spoken.words("two");
    await eventually(() => expect(chat.text).toBe("one two"));
    spoken.finish("stop");
    await Promise.all([resumed, ...answered]);
    expect(withoutIds(chat.messages)).toHaveLength(1);
    expect(withoutIds(chat.messages)[0]?.map(({ type }) => type)).toEqual([
      "step-start",
      "tool-weather",
      "step-start",
      "text",
    ]);
  });

  test("[AS4] stop leaves the response, and cancel ends it for everybody", async () => {
    const { connect, spoken, optionsFor, answered, app } = await startAnswering();
    const options = optionsFor(connect());
    const transport = plexlineChatTransport(options);
    const chat = new PlainChat(options);
    const sent = chat.sendMessage({ text: "?" });
    await spoken.step(1);
    spoken.begin();
    spoken.words("one ");
    await eventually(() => expect(chat.text).toBe("one "));
    await chat.stop();
    await sent;
    expect(chat.status).toBe("ready");
    // It is still spoken: whoever comes is told what came after the stop.
    spoken.words("two ");
    const other = new PlainChat(optionsFor(connect("bob")), { messages: ASKED });
    const resumed = other.resumeStream();
    await eventually(() => expect(other.text).toBe("one two "));
    expect([spoken.aborted, chat.text]).toEqual([false, "one "]);
    const cancel = await transport.cancel("chat", "enough");
    expect(await cancel?.outcome).toMatchObject({ status: "done" });
    await Promise.all([resumed, ...answered]);
    expect(spoken.aborted).toBe(true);
    expect([other.status, other.errors]).toEqual(["ready", []]);
    expect((await app.stream("run", { id: "r0" }).read().info()).closed).not.toBeNull();
    expect(await transport.cancel("chat")).toBeNull();
  });

  test("[AS2] nothing is resumed where there is no response, none yet, or one that has ended", async () => {
    const { connect, spoken, optionsFor, answered, app } = await startAnswering();
    const options = optionsFor(connect());
    const transport = plexlineChatTransport(options);
    expect(await transport.reconnectToStream({ chatId: "chat" })).toBeNull();
    const absent = plexlineChatTransport({ ...options, active: () => "never" });
    expect(await absent.reconnectToStream({ chatId: "chat" })).toBeNull();
    const own = plexlineChatTransport({ stream: options.stream, start: options.start });
    expect(await own.reconnectToStream({ chatId: "chat" })).toBeNull();
    const request = {
      trigger: "submit-message",
      chatId: "chat",
      messageId: undefined,
      messages: ASKED,
    } as const;
    const first = await own.sendMessages({ ...request, abortSignal: undefined });
    await spoken.step(1);
    const again = await own.reconnectToStream({ chatId: "chat" });
    spoken.begin();
    spoken.words("a");
    spoken.finish("stop");
    const texts = await Promise.all([first, again as ReadableStream<UIMessageChunk>].map(readAll));
    expect(texts[0]?.at(-1)).toMatchObject({ type: "finish" });
    expect(texts[1]?.filter(({ type }) => type === "finish")).toHaveLength(1);
    await Promise.all(answered);
    expect(await own.reconnectToStream({ chatId: "chat" })).toBeNull();
    expect((await app.stream("run", { id: "r0" }).read().info()).closed).not.toBeNull();
    expect(await transport.reconnectToStream({ chatId: "chat" })).toBeNull();
  });

  test("[AS5] [AS9] a model that fails is an error of the chat, and the run is closed", async () => {
    const { connect, spoken, optionsFor, answered } = await startAnswering();
    const chat = new PlainChat(optionsFor(connect()));
    const sent = chat.sendMessage({ text: "?" });
    await spoken.step(1);
    spoken.begin();
    spoken.words("half");
    await eventually(() => expect(chat.text).toBe("half"));
    spoken.fail(new Error("no more words"));
    await sent;
    await Promise.all(answered);
    expect([chat.status, chat.text]).toEqual(["error", "half"]);
    expect(chat.error?.message).toContain("no more words");
  });
});

describe("a response", () => {
  const delta = (text: string): UIMessageChunk => ({ type: "text-delta", id: "t", delta: text });
  const opening: UIMessageChunk[] = [
    { type: "start", messageId: "m" },
    { type: "start-step" },
    { type: "text-start", id: "t" },
  ];

  async function startWriting() {
    const { app, connect } = await startChats();
    const client = connect();
    const options = {
      stream: (id: string) => client.stream("run", { id }),
      start: async () => "r",
      active: () => "r",
      lossGraceMs: 0,
    };
    const transport = plexlineChatTransport(options);
    return { app, client, options, transport, handle: app.stream("run", { id: "r" }) };
  }

  test("[AS3] one that is read late has few chunks and the same message", async () => {
    const { transport, handle } = await startWriting();
    const words = Array.from({ length: 2_500 }, (_, index) => delta(`${index} `));
    await handle.append(...opening, { type: "status", status: "running" });
    for (let from = 0; from < words.length; from += 500)
      await handle.append(...words.slice(from, from + 500));
    const late = (await transport.reconnectToStream({ chatId: "c" })) as ReadableStream<UIMessageChunk>;
    const reader = late.getReader();
    const seen: UIMessageChunk[] = [];
    while (seen.length < 4) seen.push((await reader.read()).value as UIMessageChunk);
    const whole = words.map((word) => (word as { delta: string }).delta).join("");
    expect(seen).toEqual([...opening, delta(whole)]);
    await handle.append(
      delta("end"),
      { type: "text-end", id: "t" },
      { type: "finish-step" },
      { type: "finish" },
    );
    await handle.close();
    for (let next = await reader.read(); !next.done; next = await reader.read()) seen.push(next.value);
    const messages: UIMessage[] = [];
    const stream = new ReadableStream<UIMessageChunk>({
      start(controller) {
        for (const chunk of seen) controller.enqueue(chunk);
        controller.close();
      },
    });
    for await (const message of readUIMessageStream({ stream })) messages.push(message);
    expect(messages.at(-1)?.parts).toEqual([
      { type: "step-start" },
      { type: "text", text: `${whole}end`, state: "done", providerMetadata: undefined },
    ]);
  });

  test("[AS5] one that is closed without a word of its end is an error, and after a cancel an abort", async () => {
    const { transport, handle, app, options } = await startWriting();
    await handle.append(...opening);
    const failing = readAll(
      (await transport.reconnectToStream({ chatId: "c" })) as ReadableStream<UIMessageChunk>,
    );
    await handle.close();
    expect((await failing).at(-1)).toMatchObject({ type: "error" });
    const second = app.stream("run", { id: "s" });
    second.onCancel(() => {});
    await second.append(...opening);
    const cancelling = plexlineChatTransport({ ...options, active: () => "s" });
    const cancelled = readAll(
      (await cancelling.reconnectToStream({ chatId: "c" })) as ReadableStream<UIMessageChunk>,
    );
    await (await cancelling.cancel("c"))?.outcome;
    await second.close();
    expect(await cancelled).toEqual([...opening, { type: "abort" }]);
    const third = app.stream("run", { id: "f" });
    await third.append(...opening);
    const failed = plexlineChatTransport({ ...options, active: () => "f" });
    const told = readAll((await failed.reconnectToStream({ chatId: "c" })) as ReadableStream<UIMessageChunk>);
    await third.fail(new Error("out of paper"));
    expect((await told).at(-1)).toEqual({ type: "error", errorText: "out of paper" });
  });

  test("[AS6] a lost producer is an error, unless a successor comes", async () => {
    const { app, transport, options, client } = await startWriting();
    // By hand, so that nobody renews its lease, as if its process were gone.
    const topic = client.topic("run:r");
    await topic.call("attach", { producer: "agent", leaseMs: 1_000 });
    const producer = { id: "agent", generation: 0, sequence: 0 };
    await topic.call("append", { values: opening, producer });
    const waiting = plexlineChatTransport({ ...options, lossGraceMs: 600_000 });
    const patient = (await waiting.reconnectToStream({ chatId: "c" })) as ReadableStream<UIMessageChunk>;
    const impatient = (await transport.reconnectToStream({ chatId: "c" })) as ReadableStream<UIMessageChunk>;
    const patientChunks = readAll(patient);
    expect((await readAll(impatient)).at(-1)).toMatchObject({
      type: "error",
      errorText: expect.stringMatching(/lost/),
    });
    const successor = app.stream("run", { id: "r" }).producer({ id: "agent" });
    await successor.append(delta("more"), { type: "finish" });
    await successor.close();
    expect(await patientChunks).toEqual([...opening, delta("more"), { type: "finish" }]);
  });

  test("[AS7] a reset begins anew: late readers see only the new one, a chat resumes into it", async () => {
    const { app, options } = await startWriting();
    const first = app.stream("run", { id: "r" }).producer({ id: "agent" });
    await first.append(...opening, delta("void "));
    const chat: PlainChat = new PlainChat(options, {
      messages: ASKED,
      onError: (error) => {
        if (error instanceof ResponseResetError) void chat.resumeStream();
      },
    });
    void chat.sendMessage({ text: "?" });
    await eventually(() => expect(chat.text).toBe("void "));
    const second = app.stream("run", { id: "r" }).producer({ id: "agent" });
    const again: UIMessageChunk[] = [
      ...opening,
      delta("valid"),
      { type: "text-end", id: "t" },
      { type: "finish" },
    ];
    let finish = () => {};
    const rest = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const piped = pipeUIMessageStream(
      second,
      (async function* () {
        yield* again.slice(0, -1);
        await rest;
        yield* again.slice(-1);
      })(),
    );
    await eventually(() => expect(chat.text).toBe("valid"));
    const late = await plexlineChatTransport(options).reconnectToStream({ chatId: "c" });
    finish();
    await piped;
    expect(await readAll(late as ReadableStream<UIMessageChunk>)).toEqual(again);
    await eventually(() => expect(chat.status).toBe("ready"));
    expect(chat.errors.map(({ name }) => name)).toEqual(["ResponseResetError"]);
    expect(withoutIds(chat.messages)).toHaveLength(1);
  });
});
