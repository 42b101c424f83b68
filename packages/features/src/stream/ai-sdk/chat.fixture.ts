import { createHmac } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, jwt } from "@plexline/server";
import {
  AbstractChat,
  type ChatState,
  type ChatStatus,
  stepCountIs,
  streamText,
  tool,
  type UIMessage,
} from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { onTestFinished, vi } from "vitest";
import { WebSocket } from "ws";
import { z } from "zod";
import { createClient } from "../../client.ts";
import { run } from "../../server.ts";
import { type PlexlineChatTransportOptions, plexlineChatTransport } from "./chat-transport.ts";

const SECRET = "a secret for chats that is long enough to be taken";
const FACT = { timeout: 20_000, interval: 5 };

/** Waits for a fact. */
export const eventually = <T>(look: () => T | Promise<T>): Promise<T> => vi.waitFor(look, FACT);

function tokenOf(user: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1_000) + 600;
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub: user, exp })}`;
  return `${body}.${createHmac("sha256", SECRET).update(body).digest("base64url")}`;
}

/** A server with runs, and clients of it whose connections can be cut. */
export async function startChats() {
  const directory = await mkdtemp(join(tmpdir(), "plexline-chats-"));
  const topics = { run: run("run:{id}", { leaseMs: 1_000 }) };
  const app = createServer({ auth: jwt({ secret: SECRET }), resources: "auto", directory, topics });
  const { url } = await app.listen(0);
  onTestFinished(async () => {
    await app.close({ graceMs: 100 });
    await rm(directory, { recursive: true, force: true });
  });
  const connect = (user = "ada") => {
    const sockets: WebSocket[] = [];
    const client = createClient<{ topics: typeof topics }>({
      url: `${url.replace("http", "ws")}/ws`,
      token: () => tokenOf(user),
      reconnect: { baseMs: 5, capMs: 50 },
      WebSocket: class extends WebSocket {
        constructor(...args: ConstructorParameters<typeof WebSocket>) {
          super(...args);
          sockets.push(this);
        }
      } as never,
    });
    onTestFinished(() => client.close());
    return Object.assign(client, { cut: () => sockets.at(-1)?.terminate(), sockets });
  };
  return { app, connect };
}

type StreamPart =
  Awaited<ReturnType<MockLanguageModelV3["doStream"]>>["stream"] extends ReadableStream<infer Part>
    ? Part
    : never;

/** A model whose words the test says, one after the other. */
export function createSpokenModel() {
  let controller: ReadableStreamDefaultController<StreamPart> | null = null;
  let steps = 0;
  let aborted = false;
  const model = new MockLanguageModelV3({
    doStream: async ({ abortSignal }) => {
      steps += 1;
      const stream = new ReadableStream<StreamPart>({
        start(opened) {
          controller = opened;
          opened.enqueue({ type: "stream-start", warnings: [] });
        },
      });
      abortSignal?.addEventListener("abort", () => {
        aborted = true;
        controller?.error(new DOMException("stopped", "AbortError"));
      });
      return { stream };
    },
  });
  const say = (...parts: StreamPart[]) => {
    for (const part of parts) controller?.enqueue(part);
  };
  return {
    model,
    say,
    words: (...deltas: string[]) =>
      say(...deltas.map((delta): StreamPart => ({ type: "text-delta", id: "t", delta }))),
    begin: () => say({ type: "text-start", id: "t" }),
    /** Ends the step. */
    finish(reason: "stop" | "tool-calls") {
      if (reason === "stop") say({ type: "text-end", id: "t" });
      say({
        type: "finish",
        finishReason: { unified: reason, raw: reason },
        usage: {
          inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
          outputTokens: { total: 1, text: 1, reasoning: 0 },
        },
      });
      controller?.close();
    },
    fail: (error: Error) => controller?.error(error),
    step: (number: number) =>
      eventually(() => {
        if (steps < number) throw new Error(`The model is at step ${steps}.`);
      }),
    get aborted() {
      return aborted;
    },
  };
}

/** What the application's route does with a model: a tool in the middle, and a cancel that stops it. */
export function answerWith(model: MockLanguageModelV3, signal: AbortSignal) {
  return streamText({
    model,
    prompt: "What is the weather?",
    abortSignal: signal,
    onError: () => {},
    stopWhen: stepCountIs(3),
    tools: {
      weather: tool({
        inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => ({ city, degrees: 21 }),
      }),
    },
  }).toUIMessageStream({ generateMessageId: () => "answer-1", onError: (error) => String(error) });
}

class PlainState implements ChatState<UIMessage> {
  status: ChatStatus = "ready";
  error: Error | undefined;
  messages: UIMessage[];

  constructor(messages: UIMessage[]) {
    this.messages = messages;
  }

  pushMessage = (message: UIMessage) => {
    this.messages = [...this.messages, message];
  };
  popMessage = () => {
    this.messages = this.messages.slice(0, -1);
  };
  replaceMessage = (index: number, message: UIMessage) => {
    this.messages = this.messages.map((one, at) => (at === index ? this.snapshot(message) : one));
  };
  snapshot = <T>(thing: T): T => structuredClone(thing);
}

/** The chat of the AI SDK without a view. */
export class PlainChat extends AbstractChat<UIMessage> {
  readonly errors: Error[] = [];

  constructor(
    options: PlexlineChatTransportOptions<UIMessage>,
    { id = "chat", messages = [] as UIMessage[], onError = (_error: Error): void => {} } = {},
  ) {
    super({
      id,
      transport: plexlineChatTransport(options),
      state: new PlainState(messages),
      onError: (error) => {
        this.errors.push(error);
        onError(error);
      },
    });
  }

  /** The text of the last message. */
  get text(): string {
    const { parts = [] } = this.lastMessage ?? {};
    return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
  }
}
