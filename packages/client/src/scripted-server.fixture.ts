import {
  type ClientMessage,
  encodeBinaryMessage,
  type PlexlineError,
  type ServerMessage,
  type SubscribeResult,
} from "@plexline/protocol";
import { afterEach, expect, vi } from "vitest";
import { type Client, createClient } from "./client.ts";
import type { ClientOptions } from "./options.ts";
import type { ClientClock, ClientRandom, WebSocketLike } from "./platform.ts";
import type { ConnectionStatus } from "./session.ts";
import type { Topic, TopicEvents } from "./topic.ts";

export type Sent = ClientMessage & { readonly ref: number; readonly [field: string]: unknown };

/** A clock that stands still until a test moves it. */
export class HandClock implements ClientClock {
  #nowMs = 0;
  #timers = new Set<{ atMs: number; callback: () => void }>();
  nowMs = (): number => 1_000_000 + this.#nowMs;
  monotonicMs = (): number => this.#nowMs;
  setTimer(callback: () => void, delayMs: number): { cancel(): void } {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }
  get timers(): number {
    return this.#timers.size;
  }
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

/** The server's end of one connection: what the client sent, and both directions under the test's control. */
export class FakeSocket implements WebSocketLike {
  binaryType = "blob";
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  /** The code the client closed with; undefined while open, 1005 when it gave none. */
  closedWith: number | undefined;
  readonly binary: Uint8Array[] = [];
  /** What kind of message each one was that the client sent. */
  readonly order: ("text" | "binary")[] = [];
  #sent: Sent[] = [];
  readonly url: string;
  readonly protocols: string[];
  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }
  send(data: string | Uint8Array): void {
    this.order.push(typeof data === "string" ? "text" : "binary");
    if (typeof data === "string") this.#sent.push(JSON.parse(data) as Sent);
    else this.binary.push(data);
  }
  close(code = 1005): void {
    this.closedWith = code;
  }
  /** What the client sent since the last look. */
  take(): Sent[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }
  takeOne(type: string): Sent {
    const sent = this.take();
    expect(sent.map((message) => message.type)).toEqual([type]);
    return sent[0]!;
  }
  push(...messages: ServerMessage[]): void {
    for (const message of messages) this.onmessage?.({ data: JSON.stringify(message) });
  }
  binaryIn(alias: number, kind: number, ...payload: number[]): void {
    const data = encodeBinaryMessage({ alias, kind, payload: Uint8Array.from(payload) });
    this.onmessage?.({ data: data.slice().buffer });
  }
  ok(request: Sent, result: unknown = { position: null }): void {
    this.push({ type: "reply", ref: request.ref, ok: true, result });
  }
  refuse(request: Sent, code: PlexlineError["code"], more: { retryAfterMs?: number } = {}): void {
    this.push({
      type: "reply",
      ref: request.ref,
      ok: false,
      error: { code, message: "m", fix: "f", ...more },
    });
  }
  shut(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

export const clients: Client[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  vi.unstubAllGlobals();
});

export function setUp(options: Partial<ClientOptions> = {}) {
  const clock = new HandClock();
  const sockets: FakeSocket[] = [];
  let ids = 0;
  const random: ClientRandom = { next: () => 0.5, id: () => `key-${++ids}` };
  class Socket extends FakeSocket {
    constructor(url: string, protocols: string[]) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  const client = createClient({ url: "http://server.test/ws", WebSocket: Socket, clock, random, ...options });
  clients.push(client);
  const statuses: ConnectionStatus[] = [];
  client.on("status", (status) => statuses.push(status));
  let sessions = 0;
  const world = {
    client,
    clock,
    sockets,
    statuses,
    get socket(): FakeSocket {
      return sockets.at(-1)!;
    },
    /** Lets the client open its next socket and answers its hello; returns the hello. */
    open(resumed = false): Sent {
      clock.advance(sockets.length === 0 ? 0 : 250);
      world.socket.onopen?.({});
      const hello = world.socket.takeOne("hello");
      world.socket.push(welcome(resumed ? `s${sessions}` : `s${++sessions}`, resumed));
      return hello;
    },
    /** Cuts the connection and opens the next. */
    reconnect(resumed = false): Sent {
      const before = sockets.length;
      world.socket.shut();
      clock.advance(250);
      expect(sockets.length).toBe(before + 1);
      return world.open(resumed);
    },
    /** A subscribed topic whose events are collected. */
    subscribed(address: string, result: Partial<SubscribeResult> = {}) {
      const topic = client.topic(address);
      const seen = record(topic);
      topic.subscribe();
      world.socket.ok(world.socket.takeOne("subscribe"), accepted(address, result));
      return { topic, seen };
    },
  };
  return world;
}

export function welcome(sessionId: string, resumed: boolean): ServerMessage {
  return {
    ...{ type: "welcome", sessionId, resumed, resumeToken: `secret-${sessionId}`, resumeWindowMs: 60_000 },
    ...{ user: "ada", tenant: "default", heartbeatIntervalMs: 30_000, heartbeatDeadlineMs: 35_000 },
    limits: { messageBytesMax: 65_536, subscriptionsMax: 128, messagesPerSecondMax: 60 },
    topics: { board: { feature: "channel", template: "board:{id}" } },
  };
}

export function accepted(topic: string, more: Partial<SubscribeResult> = {}): SubscribeResult {
  const position = { epoch: "e1", offset: 0 };
  return {
    topic,
    alias: 7,
    role: "controller",
    operations: [],
    position,
    head: 0,
    recovered: false,
    ...more,
  };
}

export function at(offset: number, epoch = "e1") {
  return { epoch, offset };
}

export function push(topic: string, offset: number): ServerMessage {
  return { type: "push", topic, event: "moved", payload: offset, offset };
}

export function record(topic: Topic) {
  const seen: [name: string, value: unknown][] = [];
  for (const name of ["push", "gap", "subscribed", "error"] as const) {
    topic.on(name, (value: TopicEvents[typeof name]) => {
      seen.push([name, name === "push" ? (value as { payload: unknown }).payload : value]);
    });
  }
  return {
    names: () => seen.map(([name]) => name),
    pushes: () => seen.filter(([n]) => n === "push").map(([, v]) => v),
  };
}

export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: PlexlineError) => error.code,
  );
}
