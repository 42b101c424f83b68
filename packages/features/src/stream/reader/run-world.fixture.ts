import type { WebSocketConstructor } from "@plexline/client";
import { createSeededRandom, createTestClock, type SeededRandom, type TestClock } from "@plexline/testing";
import { formatCursor, parseCursor } from "../cursor.ts";
import {
  DEFAULT_TRANSPORT_POLICY,
  type RunTransport,
  type TransportPolicy,
} from "../policy/transport-policy.ts";
import type { RunReaderEvent } from "./events.ts";
import type { RunReaderOptions } from "./options.ts";
import { createRunReader, type RunReader } from "./reader.ts";

const SESSION = "7";
const LONG_POLL_MS = 25_000;
const HEARTBEAT_MS = 15_000;
/** What takes several promises takes as many steps. */
const STEP_MS = 100;

/** One connection as the world sees it. */
interface Line {
  readonly transport: RunTransport;
  readonly query: URLSearchParams;
  /** What it was told until. */
  at: number;
  tell(texts: readonly string[], lastOffset: number): void;
  /** Ends it as the network would, or with words of the server's. */
  end(how?: { readonly code: number; readonly reason: string }): void;
}

/**
 * A run on a server that speaks all three transports, and the network to it, in one thread on a clock that the test moves. It keeps
 * count of the connections, and can be made to fail in every way that a reader has to live with.
 */
export class RunWorld {
  readonly clock: TestClock = createTestClock();
  readonly random: SeededRandom;
  policy: TransportPolicy = { ...DEFAULT_TRANSPORT_POLICY, version: 1 };
  /** Nothing can be reached. */
  isDown = false;
  /** Transports that are refused on the way, and those that open and then pass nothing on. */
  readonly blocked = new Set<RunTransport>();
  readonly mute = new Set<RunTransport>();
  /** What has been opened, in order, with its query. */
  readonly opened: { readonly transport: RunTransport; readonly query: URLSearchParams }[] = [];
  /** Messages that clients sent, by the way they came. */
  readonly received: { readonly over: "websocket" | "post"; readonly message: Record<string, unknown> }[] =
    [];
  /** Answers of the server to messages are lost from now on. */
  losesAnswers = false;
  readonly lines = new Set<Line>();
  linesMax = 0;
  epoch = "e1";
  readonly #taken = new Map<string, number>();
  /** Events by their offsets, less one. */
  #log: Record<string, unknown>[] = [];
  /** What is not kept any more. */
  #floor = 0;
  isClosed = false;
  readonly #waiting = new Set<() => void>();

  constructor(seed = 1) {
    this.random = createSeededRandom(seed);
  }

  /** A reader of the run, and what it has told. */
  reader(options: Partial<RunReaderOptions> = {}) {
    const reader: RunReader = createRunReader({
      url: "http://world.test",
      sessionId: SESSION,
      fetch: this.fetch,
      WebSocket: this.WebSocket,
      clock: this.clock,
      random: this.random,
      ...options,
    });
    const told: RunReaderEvent[] = [];
    const changes: (string | null)[][] = [];
    const gaps: unknown[] = [];
    reader.on("transport", ({ from, to, reason }) => changes.push([from, to, reason]));
    reader.on("gap", (gap) => gaps.push(gap));
    reader.on("event", (event) => told.push(event));
    return { reader, told, changes, gaps, contents: () => contentsOf(told) };
  }

  /** Appends one event, of which readers are told. */
  append(event: Record<string, unknown>): string {
    this.#log.push(event);
    if (event.type === "agent:close") this.isClosed = true;
    for (const line of [...this.lines]) this.#catchUp(line);
    for (const wake of [...this.#waiting]) wake();
    return this.cursorOf(this.#log.length);
  }

  partial(content: unknown): string {
    return this.append({ type: "agent:partial", content });
  }

  /** Drops what retention would. */
  trim(): void {
    this.#floor = this.#log.length;
  }

  /** The run is deleted, and begins anew. */
  reset(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.#log = [];
    this.#floor = 0;
    for (const line of [...this.lines]) line.end();
  }

  /** Sets a policy as the server does: everybody is told, and who is on what is off now is closed after the grace. */
  setPolicy(change: Partial<TransportPolicy>, graceMs = 5_000): void {
    this.policy = { ...this.policy, ...change, version: this.policy.version + 1 };
    const text = JSON.stringify({ type: "transport-policy", policy: this.policy });
    for (const line of [...this.lines]) line.tell([text], line.at);
    for (const wake of [...this.#waiting]) wake();
    this.clock.setTimer(() => {
      for (const line of [...this.lines])
        if (!this.policy.allowed.includes(line.transport)) line.end({ code: 1012, reason: "TRANSPORT_OFF" });
    }, graceMs);
  }

  /** Cuts every connection. */
  cut(): void {
    for (const line of [...this.lines]) line.end();
  }

  /** Lets `ms` pass and what is due happen, promises included. */
  async settle(ms = 0): Promise<void> {
    const untilMs = this.clock.monotonicMs() + ms;
    for (;;) {
      for (let turn = 0; turn < 6; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        this.clock.advance(0);
      }
      const leftMs = untilMs - this.clock.monotonicMs();
      if (leftMs <= 0) return;
      this.clock.advance(Math.min(STEP_MS, Math.max(1, Math.ceil(ms / 40)), leftMs));
    }
  }

  cursorOf(offset: number): string {
    return formatCursor({ epoch: this.epoch, offset });
  }

  readonly WebSocket = ((world: RunWorld) =>
    class {
      binaryType = "";
      onopen: (() => void) | null = null;
      onmessage: ((event: { data: unknown }) => void) | null = null;
      onclose: ((event: { code: number; reason: string }) => void) | null = null;
      onerror: (() => void) | null = null;
      #line: Line | null = null;
      #isOver = false;
      readonly #sent = world.#inOrder((arrive: () => void) => arrive());

      constructor(url: string) {
        const query = new URL(url).searchParams;
        world.opened.push({ transport: "websocket", query });
        world.#later(() => {
          if (this.#isOver) return;
          if (world.isDown || world.blocked.has("websocket")) return this.#closed(1006, "");
          this.onopen?.();
          if (world.mute.has("websocket")) return;
          if (!world.policy.allowed.includes("websocket")) {
            this.onmessage?.({ data: JSON.stringify({ type: "transport-policy", policy: world.policy }) });
            return this.#closed(1013, "TRANSPORT_OFF: WebSocket is not served now.");
          }
          const deliver = world.#inOrder((text: string) => {
            if (!this.#isOver) this.onmessage?.({ data: text });
          });
          this.#line = world.#join("websocket", query, {
            tell: (texts) => texts.forEach(deliver),
            end: ({ code, reason } = { code: 1006, reason: "" }) => this.#closed(code, reason),
          });
        });
      }

      send(text: string): void {
        const message = JSON.parse(text) as Record<string, unknown>;
        if (message.type === "ping") {
          if (!world.mute.has("websocket")) world.#later(() => this.onmessage?.({ data: '{"type":"pong"}' }));
          return;
        }
        this.#sent(() => {
          if (this.#isOver) return;
          const ack = world.#take("websocket", message);
          if (!world.losesAnswers)
            this.#line?.tell([JSON.stringify({ type: "agent:ack", sessionId: SESSION, ...ack })], 0);
        });
      }

      close(): void {
        this.#leave();
      }

      #closed(code: number, reason: string): void {
        if (this.#isOver) return;
        this.#leave();
        this.onclose?.({ code, reason });
      }

      #leave(): void {
        this.#isOver = true;
        if (this.#line) world.lines.delete(this.#line);
      }
    })(this) as unknown as WebSocketConstructor;

  readonly fetch = (async (input: URL | string, init: RequestInit = {}) => {
    const url = new URL(String(input));
    await this.#travel(init.signal);
    if (this.isDown) throw new TypeError("fetch failed");
    if (url.pathname === "/api/stream/policy") return Response.json({ policy: this.policy, user: "ada" });
    if (init.method === "POST") {
      const results = (JSON.parse(String(init.body)) as Record<string, unknown>[]).map((message) =>
        this.#take("post", message),
      );
      if (this.losesAnswers) throw new TypeError("fetch failed");
      return Response.json({ results });
    }
    const isPoll = url.searchParams.get("live") === "long-poll";
    const transport = isPoll ? "long-poll" : "sse";
    if (this.blocked.has(transport)) throw new TypeError("fetch failed");
    if (!this.policy.allowed.includes(transport)) {
      const error = { code: "OVERLOADED", message: `${transport} is off.`, fix: "", retry: "later" };
      return Response.json({ error, policy: this.policy }, { status: 503, headers: { "Retry-After": "1" } });
    }
    return isPoll ? this.#poll(url.searchParams, init.signal) : this.#stream(url.searchParams, init.signal);
  }) as typeof globalThis.fetch;

  async #poll(query: URLSearchParams, signal: AbortSignal | null | undefined): Promise<Response> {
    if (query.get("wait") === "0") this.opened.push({ transport: "long-poll", query });
    if (this.mute.has("long-poll")) await this.#forever(signal);
    const given = this.#begin(query);
    let line: Line | null = null;
    const wait = new Promise<void>((resolve) => {
      if (query.get("wait") === "0" || given.texts.length > 0 || given.at < this.#log.length)
        return resolve();
      if (query.get("policy") !== String(this.policy.version) || this.isClosed) return resolve();
      line = this.#count("long-poll", query, { tell() {}, end: () => resolve() });
      this.#waiting.add(resolve);
      this.clock.setTimer(resolve, LONG_POLL_MS);
      signal?.addEventListener("abort", () => resolve());
    }).finally(() => {
      if (line) this.lines.delete(line);
    });
    await wait;
    const events = [...given.texts, ...this.#textsAfter(given.at)].map((text) => JSON.parse(text) as unknown);
    const cursor = this.cursorOf(this.#log.length);
    const closed = this.isClosed;
    await this.#travel(signal);
    if (this.isDown) throw new TypeError("fetch failed");
    return Response.json({ events, cursor, closed, upToDate: true, policy: this.policy });
  }

  #stream(query: URLSearchParams, signal: AbortSignal | null | undefined): Response {
    this.opened.push({ transport: "sse", query });
    const cursor = parseCursor(query.get("cursor") ?? "");
    if (this.isClosed && cursor?.epoch === this.epoch && cursor.offset === this.#log.length)
      return new Response(null, { status: 204 });
    const encoder = new TextEncoder();
    let line: Line | null = null;
    const leave = () => {
      if (line) this.lines.delete(line);
    };
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        if (this.mute.has("sse")) return;
        let isOver = false;
        const act = (callback: () => void) => {
          if (isOver) return;
          try {
            callback();
          } catch {
            // The reader has gone.
          }
        };
        const deliver = this.#inOrder((text: string) => act(() => controller.enqueue(encoder.encode(text))));
        signal?.addEventListener("abort", () => {
          isOver = true;
          leave();
        });
        deliver("retry: 1000\n\n");
        line = this.#join("sse", query, {
          tell: (texts) => {
            for (const text of texts) deliver(`data: ${text}\n\n`);
          },
          end: () => {
            leave();
            this.#later(() =>
              act(() => {
                isOver = true;
                controller.close();
              }),
            );
          },
        });
        const beat = () => {
          this.clock.setTimer(() => {
            if (isOver || line === null || !this.lines.has(line)) return;
            deliver(":\n\n");
            beat();
          }, HEARTBEAT_MS);
        };
        beat();
      },
    });
    return new Response(body, { status: 200, headers: { "Content-Type": "text/event-stream" } });
  }

  /** What a reader is told first. */
  #begin(query: URLSearchParams): { readonly texts: string[]; readonly at: number } {
    const cursor = parseCursor(query.get("cursor") ?? "");
    const head = this.#log.length;
    const isKept = cursor !== null && cursor.epoch === this.epoch && cursor.offset >= this.#floor;
    if (isKept) return { texts: [], at: cursor.offset };
    const reason = cursor?.epoch === this.epoch ? "trimmed" : "reset";
    const gap = cursor === null ? [] : [{ type: "agent:gap", sessionId: SESSION, reason }];
    const snapshot = { type: "agent:snapshot", sessionId: SESSION, cursor: this.cursorOf(head) };
    // That a snapshot covers the end is told by the end itself, in the same place.
    const end = this.isClosed ? [{ ...snapshot, type: "agent:close" }] : [];
    return { texts: [...gap, snapshot, ...end].map((message) => JSON.stringify(message)), at: head };
  }

  #join(
    transport: RunTransport,
    query: URLSearchParams,
    way: { tell(texts: readonly string[]): void; end: Line["end"] },
  ): Line {
    const { texts, at } = this.#begin(query);
    const line = this.#count(transport, query, way);
    line.at = at;
    const connected = { type: "agent:connected", sessionId: SESSION, cursor: this.cursorOf(at) };
    line.tell([JSON.stringify(connected), ...texts], at);
    if (query.get("policy") !== String(this.policy.version))
      line.tell([JSON.stringify({ type: "transport-policy", policy: this.policy })], at);
    this.#catchUp(line);
    return line;
  }

  #count(
    transport: RunTransport,
    query: URLSearchParams,
    way: { tell(texts: readonly string[]): void; end: Line["end"] },
  ): Line {
    const line: Line = { transport, query, at: 0, tell: way.tell, end: way.end };
    this.lines.add(line);
    this.linesMax = Math.max(this.linesMax, this.lines.size);
    return line;
  }

  #catchUp(line: Line): void {
    if (line.transport === "long-poll") return;
    const texts = this.#textsAfter(line.at);
    line.at = this.#log.length;
    line.tell(texts, line.at);
    if (this.isClosed && line.transport === "sse") line.end();
  }

  #textsAfter(offset: number): string[] {
    return this.#log
      .slice(offset)
      .map((event, index) =>
        JSON.stringify({ ...event, sessionId: SESSION, cursor: this.cursorOf(offset + index + 1) }),
      );
  }

  #take(over: "websocket" | "post", message: Record<string, unknown>) {
    this.received.push({ over, message });
    const key = String(message.key);
    const before = this.#taken.get(key);
    if (before !== undefined) return { id: key, cursor: this.cursorOf(before), repeated: true };
    const { key: _, sessionId: _s, ...event } = message;
    this.#taken.set(key, this.#log.length + 1);
    return { id: key, cursor: this.append(event) };
  }

  #later(callback: () => void): void {
    this.clock.setTimer(callback, this.random.integer(20));
  }

  /** What is sent over one connection arrives in the order of its sending. */
  #inOrder<T>(callback: (value: T) => void): (value: T) => void {
    let dueMs = 0;
    return (value) => {
      const nowMs = this.clock.monotonicMs();
      dueMs = Math.max(dueMs, nowMs + this.random.integer(20));
      this.clock.setTimer(() => callback(value), dueMs - nowMs);
    };
  }

  #travel(signal: AbortSignal | null | undefined): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      this.#later(resolve);
    }).then(() => signal?.throwIfAborted());
  }

  #forever(signal: AbortSignal | null | undefined): Promise<never> {
    return new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
  }
}

/** What was put out, without snapshots and what else is told. */
export function contentsOf(told: readonly RunReaderEvent[]): unknown[] {
  return told.filter(({ type }) => type === "agent:partial").map(({ content }) => content);
}
