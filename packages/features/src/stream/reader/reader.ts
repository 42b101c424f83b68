import { PlexlineError } from "@plexline/protocol";
import { BUFFER_LIMITS_DEFAULT, ChunkQueue } from "../client/chunks.ts";
import { StreamEmitter } from "../client/events.ts";
import { formatCursor, parseCursor } from "../cursor.ts";
import {
  DEFAULT_TRANSPORT_POLICY,
  type RunTransport,
  type TransportPolicy,
} from "../policy/transport-policy.ts";
import { TransportChoice } from "./choice.ts";
import { Conductor } from "./conductor.ts";
import { askFor } from "./credentials.ts";
import type { RunReaderEvent, RunReaderEvents, RunReaderStatus } from "./events.ts";
import type { Leg } from "./leg.ts";
import { type CredentialSource, type RunReaderOptions, systemClock, systemRandom } from "./options.ts";
import { Outbound, type Taken } from "./outbound.ts";
import { placeOf, ReaderPlace } from "./place.ts";
import { createServerCalls, type ServerCalls } from "./server-calls.ts";
import type { WireMessage } from "./wire.ts";
import { createWires, platformOf } from "./wires.ts";

export {
  chooseTransport,
  DEFAULT_TRANSPORT_POLICY,
  type RunTransport,
  type TransportPolicy,
  type TransportWishes,
} from "../policy/transport-policy.ts";
export type { EventSourceConstructor, EventSourceLike } from "./event-source-wire.ts";
export type {
  RunReaderEvent,
  RunReaderEvents,
  RunReaderGap,
  RunReaderStatus,
  TransportChange,
} from "./events.ts";
export { useWebSocketFlag } from "./flag.ts";
export type { HandoverReason } from "./leg.ts";
export type { CredentialSource, ReaderClock, RunReaderOptions } from "./options.ts";
export type { Taken } from "./outbound.ts";

/**
 * One run as its readers get it, whichever transport it comes over. It opens when first listened to or iterated over, goes from one
 * transport to another by itself without losing or repeating an event, and ends when the run is closed.
 */
export interface RunReader extends AsyncIterable<RunReaderEvent> {
  /** What is read over, or was last; null before the first. */
  readonly transport: RunTransport | null;
  /** The last event that was told; null before the first. To be kept, and given as `cursor`. */
  readonly cursor: string | null;
  readonly status: RunReaderStatus;
  readonly policy: TransportPolicy;
  /** Returns what stops it. */
  on<Name extends keyof RunReaderEvents>(
    name: Name,
    listener: (value: RunReaderEvents[Name]) => void,
  ): () => void;
  /** Reads over this transport from now on, if the server allows it. Rejects with a PlexlineError if it does not work. */
  switchTo(transport: RunTransport): Promise<void>;
  /** Asks the producer to stop. A disconnect never does. */
  cancel(reason?: string): Promise<Taken>;
  /** Tells the producer something while it works. */
  steer(data: unknown): Promise<Taken>;
  /** Answers an input request. */
  respond(ask: string, data: unknown): Promise<Taken>;
  /** Appends an event of the run, for those who may write: `{ type: "partial", content: "…" }`. */
  append(event: { readonly type: string; readonly [field: string]: unknown }): Promise<Taken>;
  /** Ends it: iterations end, what was not answered is rejected. The run goes on. */
  close(): void;
}

const READY_TIMEOUT_MS = 5_000;
const SILENCE_MS = 45_000;
const REST_MS = 60_000;
const SPREAD_MS = 1_000;
const MESSAGE_ID_BYTES = 12;
/** Errors that a socket tells after which it will never tell events. */
const FINAL_ERRORS = ["FORBIDDEN", "REVOKED", "NOT_SUBSCRIBED"];

/**
 * Reads a run over WebSocket, SSE or long-poll, as the server's policy says.
 *
 * @throws PlexlineError PAYLOAD_INVALID for a cursor that is none.
 * @example
 * const reader = createRunReader({ url: "https://example.com", sessionId: "42", token: () => fetchToken() });
 * for await (const event of reader) if (event.type === "agent:partial") print(event.content);
 */
export function createRunReader(options: RunReaderOptions): RunReader {
  return new Reader(options);
}

class Reader implements RunReader {
  status: RunReaderStatus = { state: "connecting" };
  readonly #options: RunReaderOptions;
  readonly #events = new StreamEmitter();
  readonly #queues = new Set<ChunkQueue<RunReaderEvent>>();
  readonly #place: ReaderPlace;
  readonly #choice: TransportChoice;
  readonly #conductor: Conductor;
  readonly #calls: ServerCalls;
  readonly #outbound: Outbound;
  #isStarted = false;

  constructor(options: RunReaderOptions) {
    this.#options = options;
    const { clock = systemClock, random = systemRandom, sessionId } = options;
    const platform = platformOf(options);
    this.#place = new ReaderPlace(positionOf(options.cursor));
    const wires = createWires(platform);
    this.#choice = new TransportChoice(
      options.policy ?? { ...DEFAULT_TRANSPORT_POLICY, version: -1 },
      { user: options.user ?? "", optIn: options.optIn, useWebSocket: options.useWebSocket },
      {
        possible: Object.keys(wires) as RunTransport[],
        clock,
        restMs: options.restMs ?? REST_MS,
      },
    );
    this.#calls = createServerCalls(platform.fetch, platform.urls, sessionId);
    this.#conductor = new Conductor(
      {
        ...{ sessionId, wires, clock, random, choice: this.#choice, place: this.#place },
        readyTimeoutMs: options.readyTimeoutMs ?? READY_TIMEOUT_MS,
        silenceMs: options.silenceMs ?? SILENCE_MS,
        spreadMs: options.spreadMs ?? SPREAD_MS,
        credentials: async (reason, attempt) => ({
          ...(await askFor("token", options.token, { reason, attempt })),
          ...(await askFor("ticket", options.ticket, { reason, attempt })),
        }),
      },
      {
        onMessage: (leg, message) => this.#onMessage(leg, message),
        onTransport: (change) => this.#events.emit("transport", change),
        onPolicy: (policy) => this.#events.emit("policy", policy),
        onLive: (isLive) => this.#onLive(isLive),
        onFinished: () => this.#finish(),
        onFailed: (error) => this.#fail(error),
      },
    );
    this.#outbound = new Outbound({
      clock,
      leg: () => (this.#conductor.active?.canSend ? this.#conductor.active : null),
      isHeld: () => false,
      post: async (messages) => this.#calls.post(messages, await this.#token(options.token)),
    });
  }

  get transport(): RunTransport | null {
    return this.#conductor.transport;
  }

  get cursor(): string | null {
    const { position } = this.#place;
    return position === null ? null : formatCursor(position);
  }

  get policy(): TransportPolicy {
    return this.#choice.policy;
  }

  on<Name extends keyof RunReaderEvents>(
    name: Name,
    listener: (value: RunReaderEvents[Name]) => void,
  ): () => void {
    const off = this.#events.on(name, listener as (...values: never[]) => void);
    if (name === "event") this.#start();
    return off;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<RunReaderEvent> {
    const queue = new ChunkQueue<RunReaderEvent>(
      { ...BUFFER_LIMITS_DEFAULT, ...this.#options.buffer },
      {
        onDrained: () => this.#resume(),
        onReturn: (ended) => {
          this.#queues.delete(ended);
          this.#resume();
        },
      },
    );
    this.#queues.add(queue);
    if (this.status.state === "closed") queue.end();
    else if (this.status.state === "failed") queue.end(this.status.error);
    this.#start();
    const iterator: AsyncIterableIterator<RunReaderEvent> = {
      async next() {
        const { done, value } = await queue.next();
        return done ? { done: true, value: undefined } : { done: false, value: value.chunk };
      },
      async return() {
        await queue.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async switchTo(transport: RunTransport): Promise<void> {
    if (this.#isOver) throw new PlexlineError("CLIENT_CLOSED");
    this.#start();
    await this.#conductor.switchTo(transport);
  }

  cancel(reason?: string): Promise<Taken> {
    return this.#send("cancel", reason === undefined ? {} : { reason });
  }

  steer(data: unknown): Promise<Taken> {
    return this.#send("steer", { data });
  }

  respond(ask: string, data: unknown): Promise<Taken> {
    return this.#send("input-response", { ask, data });
  }

  append({ type, ...fields }: { readonly type: string; readonly [field: string]: unknown }): Promise<Taken> {
    return this.#send(type, fields);
  }

  close(): void {
    if (!this.#isOver) this.#end({ state: "closed" }, new PlexlineError("CLIENT_CLOSED"));
  }

  get #isOver(): boolean {
    return this.status.state === "closed" || this.status.state === "failed";
  }

  #start(): void {
    if (this.#isStarted || this.#isOver) return;
    this.#isStarted = true;
    if (this.#options.policy !== undefined) {
      this.#conductor.run();
      return;
    }
    this.#askPolicy().finally(() => {
      if (!this.#isOver) this.#conductor.run();
    });
  }

  /** What the server says. Without an answer everything is tried, and whatever is open tells later. */
  async #askPolicy(): Promise<void> {
    try {
      const told = await this.#calls.policy(await this.#token(this.#options.token));
      if (told?.user !== undefined && this.#options.user === undefined) this.#choice.wishes.user = told.user;
      if (told !== null) this.#conductor.takePolicy(told.policy);
    } catch {
      // The connection that follows meets the same reason, and tells it.
    }
  }

  async #token(source: CredentialSource | undefined): Promise<string | undefined> {
    return (await askFor("token", source, { reason: "connect", attempt: 1 })).token;
  }

  #send(type: string, fields: Readonly<Record<string, unknown>>): Promise<Taken> {
    const { random = systemRandom, sessionId } = this.#options;
    const key = typeof fields.key === "string" ? fields.key : random.id(MESSAGE_ID_BYTES);
    return this.#outbound.send(key, { ...fields, type: `agent:${type}`, sessionId, key });
  }

  #onMessage(leg: Leg, message: WireMessage): void {
    const { type, id } = message;
    if (type === "agent:ack" && typeof id === "string" && typeof message.cursor === "string") {
      const repeated = message.repeated === true ? { repeated: true as const } : {};
      this.#outbound.answered(id, { cursor: message.cursor, ...repeated });
      return;
    }
    if (type === "error") {
      this.#onError(message);
      return;
    }
    if (type === "agent:gap") {
      this.#events.emit("gap", { reason: message.reason });
      return;
    }
    const position = type === "agent:connected" ? null : placeOf(message);
    if (position === null || !this.#place.take(leg, position, type === "agent:close")) return;
    const event = message as RunReaderEvent;
    this.#events.emit("event", event);
    const cursor = formatCursor(position);
    for (const queue of this.#queues) queue.push({ chunk: event, offset: position.offset, cursor, position });
    if (type === "agent:close") this.#finish();
    else if ([...this.#queues].some((queue) => queue.isFull)) this.#pause();
  }

  #onError(message: WireMessage): void {
    const error = PlexlineError.fromBody(message as unknown as Parameters<typeof PlexlineError.fromBody>[0]);
    if (typeof message.id === "string") this.#outbound.answered(message.id, error);
    else if (FINAL_ERRORS.includes(error.code)) this.#fail(error);
  }

  #onLive(isLive: boolean): void {
    if (this.#isOver) return;
    this.#setStatus({ state: isLive ? "live" : "connecting" });
    if (isLive) this.#outbound.flush();
  }

  #pause(): void {
    if (this.status.state === "paused" || this.#isOver) return;
    this.#setStatus({ state: "paused" });
    this.#conductor.stop(
      new PlexlineError("DISCONNECTED", { message: "The reader waits for its application." }),
    );
  }

  #resume(): void {
    if (this.status.state !== "paused") return;
    for (const queue of this.#queues) if (!queue.isLow) return;
    this.#setStatus({ state: "connecting" });
    this.#conductor.run();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#end({ state: "closed" }, new PlexlineError("STREAM_CLOSED"));
    this.#events.emit("close", undefined);
  }

  #fail(error: PlexlineError): void {
    if (this.#isOver) return;
    this.#end({ state: "failed", error }, error);
    this.#events.emit("error", error);
  }

  #end(status: RunReaderStatus, error: PlexlineError): void {
    this.#setStatus(status);
    this.#conductor.stop(error);
    this.#outbound.close(error);
    for (const queue of [...this.#queues]) queue.end(status.state === "failed" ? error : undefined);
  }

  #setStatus(status: RunReaderStatus): void {
    if (this.status.state === status.state) return;
    this.status = status;
    this.#events.emit("status", status);
  }
}

function positionOf(cursor: string | undefined) {
  if (cursor === undefined) return null;
  const position = parseCursor(cursor);
  if (position !== null) return position;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `cursor is none: "${cursor.slice(0, 64)}".`,
    fix: "Give the cursor of an earlier event as it was.",
  });
}
