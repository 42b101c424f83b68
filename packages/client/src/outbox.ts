import {
  type ClientMessage,
  PlexlineError,
  type PublishMessage,
  type PublishResult,
} from "@plexline/protocol";
import { type BackoffPolicy, backoffMs } from "./backoff.ts";
import type { ClientClock, ClientRandom, ClientTimer } from "./platform.ts";
import type { Outcome, Requests } from "./requests.ts";

/** Bounds of what waits for the connection or for its reply. */
export interface OutboxLimits {
  /** Publishes and calls that may wait. Default 256; the next one is refused with QUEUE_FULL. */
  readonly entriesMax: number;
  /** Their payloads as JSON, in bytes. Default 1 MiB; also QUEUE_FULL. */
  readonly bytesMax: number;
  /** How long one may wait to be sent, in milliseconds. Default 30,000; then QUEUE_EXPIRED. */
  readonly ageMaxMs: number;
}

export const OUTBOX_LIMITS_DEFAULT: OutboxLimits = { entriesMax: 256, bytesMax: 1_048_576, ageMaxMs: 30_000 };

/** Sent and unanswered at most; the rest waits here, where order can still be kept. */
const IN_FLIGHT_MAX = 32;

export interface SendOptions {
  /** Idempotency key. Default: a random one. The same key twice is one publication. */
  readonly key?: string;
  /**
   * Without a connection: `queue` (default) waits for the next one and is re-sent until answered; `fail` rejects
   * with DISCONNECTED; `drop` forgets it and resolves, for what is stale a moment later.
   */
  readonly offline?: "queue" | "fail" | "drop";
  /** How long the reply may take once sent, in milliseconds. Default: `requestTimeoutMs` of the client. */
  readonly timeoutMs?: number;
}

export interface PublishOptions extends SendOptions {
  /** False: no reply is asked for, and the promise resolves once it is sent. Default true. */
  readonly ack?: boolean;
}

/** Where an entry is going: a topic whose address may not be known before the first welcome. */
export interface OutboxTarget {
  /** Null while not known. Throws TOPIC_UNKNOWN or TOPIC_INVALID when there is no such address. */
  resolve(): string | null;
}

export type OutboxBody =
  | { readonly type: "publish"; readonly event: string; readonly payload: unknown }
  | { readonly type: "call"; readonly command: string; readonly input: unknown };

interface Entry {
  readonly target: OutboxTarget;
  readonly body: OutboxBody;
  readonly options: PublishOptions;
  readonly key: string | undefined;
  readonly bytes: number;
  readonly madeAtMs: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: PlexlineError) => void;
  /** Where it was sent to, once it was: the server may have accepted it. */
  topic?: string;
  deadlineMs: number;
  inFlight: boolean;
  /** How often the server said "later". */
  refusals: number;
}

export interface OutboxOptions {
  readonly limits: OutboxLimits;
  readonly clock: ClientClock;
  readonly random: ClientRandom;
  readonly policy: BackoffPolicy;
  readonly requests: Requests;
  connected(): boolean;
  /** Largest message that the server takes. */
  messageBytesMax(): number;
  send(message: ClientMessage): void;
  /** The topic is being subscribed: what goes to it waits, so that the server knows the subscriber. */
  isHeld(address: string): boolean;
}

/** Room for what goes around a payload: topic, key, ref. A larger message would make the server end the connection. */
const ENVELOPE_BYTES = 512;

const DROPPED: PublishResult = { position: null };

/**
 * The bounded queue of publishes and calls. Entries of one topic leave in the order they were made. An entry stays
 * until it is answered: a lost connection, or an answer that says "later", sends it again with the same key.
 *
 * After a "later" the topic goes one by one until what was refused is accepted, so that nothing overtakes it. Only
 * what was already on its way at that moment can have been accepted before it.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #entries = new Set<Entry>();
  /** Topics that go one by one, and when they may go on. */
  readonly #refused = new Map<string, number>();
  #bytes = 0;
  #inFlight = 0;
  #timer: ClientTimer | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Sends now or as soon as possible. Resolves with the result of the reply. */
  add(target: OutboxTarget, body: OutboxBody, options: PublishOptions): Promise<unknown> {
    const sent = new Promise((resolve, reject) => {
      const { clock, limits, random, connected } = this.#options;
      if (options.offline === "drop" && !connected()) return resolve(DROPPED);
      if (options.offline === "fail" && !connected()) return reject(new PlexlineError("DISCONNECTED"));
      const { copy, bytes } = copyBody(body);
      if (this.#entries.size >= limits.entriesMax || this.#bytes + bytes > limits.bytesMax) {
        return reject(new PlexlineError("QUEUE_FULL"));
      }
      const madeAtMs = clock.monotonicMs();
      const key = options.key ?? (options.ack === false ? undefined : random.id(16));
      this.#bytes += bytes;
      this.#entries.add({
        ...{ target, body: copy, options, key, bytes, madeAtMs, resolve, reject },
        ...{ deadlineMs: madeAtMs + limits.ageMaxMs, inFlight: false, refusals: 0 },
      });
      this.pump();
    });
    // Who wants no ack does not wait for it either: a loss must not end a Node process as an unhandled rejection.
    if (options.ack === false) sent.catch(() => {});
    return sent;
  }

  /** Sends what may be sent now. Called whenever that may have changed. */
  pump(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const stopped = new Set<string>();
    this.#inFlight = [...this.#entries].filter((entry) => entry.inFlight).length;
    let wakeMs = Number.POSITIVE_INFINITY;
    for (const entry of [...this.#entries]) {
      if (!this.#entries.has(entry)) continue;
      if (entry.deadlineMs <= nowMs)
        this.#settle(entry, new PlexlineError(entry.topic ? "TIMEOUT" : "QUEUE_EXPIRED"));
      else {
        this.#advance(entry, nowMs, stopped);
        if (this.#entries.has(entry)) wakeMs = Math.min(wakeMs, entry.deadlineMs);
      }
    }
    for (const retryAtMs of this.#refused.values())
      if (retryAtMs > nowMs) wakeMs = Math.min(wakeMs, retryAtMs);
    this.#timer?.cancel();
    if (wakeMs < Number.POSITIVE_INFINITY)
      this.#timer = this.#options.clock.setTimer(() => this.pump(), wakeMs - nowMs);
  }

  /** The connection is gone: what was in flight waits for the next one, unless it was not to. */
  onDisconnected(): void {
    for (const entry of [...this.#entries]) {
      if (!entry.inFlight) continue;
      this.#park(entry);
      if (entry.options.offline === "fail") this.#settle(entry, new PlexlineError("DISCONNECTED"));
      else if (entry.options.offline === "drop") this.#settle(entry, null, DROPPED);
    }
    this.pump();
  }

  /** Rejects everything. */
  close(): void {
    this.#timer?.cancel();
    for (const entry of [...this.#entries]) this.#settle(entry, new PlexlineError("CLIENT_CLOSED"));
  }

  /** Sends one entry unless something before it in its topic has to go first. */
  #advance(entry: Entry, nowMs: number, stopped: Set<string>): void {
    if (!this.#options.connected()) return;
    let address: string | null;
    try {
      address = entry.target.resolve();
    } catch (reason) {
      this.#settle(entry, PlexlineError.from(reason));
      return;
    }
    if (address === null || stopped.has(address)) return;
    const retryAtMs = this.#refused.get(address);
    const held = (retryAtMs ?? 0) > nowMs || this.#inFlight >= IN_FLIGHT_MAX || this.#options.isHeld(address);
    if (!entry.inFlight && !held) this.#send(entry, address);
    if (!this.#entries.has(entry)) return;
    if (!entry.inFlight || retryAtMs !== undefined) stopped.add(address);
  }

  #send(entry: Entry, topic: string): void {
    const { clock, requests, send } = this.#options;
    // An undefined key does not go over the wire.
    const message = { topic, ...entry.body, key: entry.key } as PublishMessage;
    if (entry.bytes + ENVELOPE_BYTES > this.#options.messageBytesMax()) {
      this.#settle(entry, new PlexlineError("MESSAGE_TOO_LARGE"));
      return;
    }
    entry.topic = topic;
    if (entry.options.ack === false) {
      this.#settle(entry, null, DROPPED);
      send(message);
      return;
    }
    entry.inFlight = true;
    entry.deadlineMs = Number.POSITIVE_INFINITY;
    this.#inFlight++;
    const done = (outcome: Outcome): void => this.#answer(entry, topic, outcome, clock.monotonicMs());
    requests.send(message, done, entry.options.timeoutMs);
  }

  #answer(entry: Entry, topic: string, outcome: Outcome, nowMs: number): void {
    // It may have been rejected meanwhile, when the client was closed.
    if (!this.#entries.has(entry)) return;
    this.#park(entry);
    if (outcome.ok) this.#settle(entry, null, outcome.result);
    else if (goesAgain(entry, outcome.error)) this.#refuse(entry, topic, outcome.error, nowMs);
    else this.#settle(entry, outcome.error);
    this.pump();
  }

  /** The server said "later": the topic waits, then goes one by one. */
  #refuse(entry: Entry, topic: string, error: PlexlineError, nowMs: number): void {
    const { policy, random } = this.#options;
    const delayMs = error.retryAfterMs ?? backoffMs(policy, entry.refusals, random);
    entry.refusals++;
    this.#refused.set(topic, Math.max(this.#refused.get(topic) ?? 0, nowMs + delayMs));
  }

  /** Back from flight into the queue, with the age it has. */
  #park(entry: Entry): void {
    entry.inFlight = false;
    entry.deadlineMs = entry.madeAtMs + this.#options.limits.ageMaxMs;
  }

  #settle(entry: Entry, error: PlexlineError | null, result?: unknown): void {
    if (!this.#entries.delete(entry)) return;
    this.#bytes -= entry.bytes;
    const refused = [...this.#entries].some((other) => other.refusals > 0 && other.topic === entry.topic);
    if (!refused) this.#refused.delete(entry.topic!);
    if (error === null) entry.resolve(result);
    else entry.reject(error);
  }
}

/** A reply that never came on a living connection says nothing about whether another would: the caller decides. */
function goesAgain(entry: Entry, error: PlexlineError): boolean {
  const queued = entry.options.offline === undefined || entry.options.offline === "queue";
  return queued && error.retry !== "never" && error.code !== "TIMEOUT";
}

/** The body as JSON sees it now: what the application changes later does not change what is sent. */
function copyBody(body: OutboxBody): { copy: OutboxBody; bytes: number } {
  try {
    const json = JSON.stringify(body);
    return { copy: JSON.parse(json) as OutboxBody, bytes: new TextEncoder().encode(json).length };
  } catch (cause) {
    throw new PlexlineError("PAYLOAD_INVALID", {
      message: `The payload is not JSON: ${String(cause)}.`,
      cause,
    });
  }
}
