import { PlexlineError, type Position } from "@plexline/protocol";
import {
  type AttachOutput,
  type InputRequest,
  type PendingRequest,
  STREAM_COMMAND,
  type StreamEnd,
} from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";
import { Appender } from "./appender.ts";
import { type AskAnswer, type AskOptions, Asks } from "./asks.ts";
import { ProducerFencedError } from "./fenced.ts";
import { Inbox, type RequestHandler } from "./inbox.ts";
import type { ProducerStatus, StreamProducer, StreamProducerOptions } from "./producer.ts";
import { PRODUCER_LIMITS_DEFAULT } from "./queue.ts";
import { type ChunkSource, valuesOf } from "./source.ts";

const LEASE_MS_DEFAULT = 30_000;
/** The lease is renewed this many times before it would run out. */
const RENEWALS_PER_LEASE = 3;
const ATTACH_RETRY_BASE_MS = 250;
const ATTACH_RETRY_CAP_MS = 10_000;

/** A producer that appends to the stream's log through a transport. */
export class LogProducer<Chunk> implements StreamProducer<Chunk> {
  readonly id: string;
  status: ProducerStatus = { state: "attaching" };
  readonly attached: Promise<AttachOutput>;
  readonly ended: Promise<void>;
  readonly #transport: StreamTransport;
  readonly #options: StreamProducerOptions;
  readonly #leaseMs: number;
  readonly #appender: Appender;
  readonly #inbox: Inbox;
  readonly #asks: Asks;
  #leaseTimer: { cancel(): void } | null = null;
  #settleEnd!: (error: PlexlineError | null) => void;

  constructor(transport: StreamTransport, options: StreamProducerOptions) {
    const { id, leaseMs = LEASE_MS_DEFAULT, lingerMs = 0 } = options;
    this.id = id;
    this.#transport = transport;
    this.#options = options;
    this.#leaseMs = leaseMs;
    this.ended = new Promise((resolve, reject) => {
      this.#settleEnd = (error) => (error === null ? resolve() : reject(error));
    });
    // Whoever appends hears of a failure there; nobody has to listen here too.
    this.ended.catch(() => {});
    this.#appender = new Appender({
      transport,
      producer: id,
      lingerMs,
      limits: { ...PRODUCER_LIMITS_DEFAULT, ...options.queue },
      onAccepted: () => this.#renewLater(),
      onEnd: (error) => this.#end(error),
    });
    const pending = () => this.#renew();
    this.#asks = new Asks({ transport, pending: async () => this.#inbox.take(await pending()) });
    this.#inbox = new Inbox({
      transport,
      pending,
      onAnswer: (request) => this.#asks.answer(request),
      onEnd: (error) => this.#appender.end(error),
    });
    this.attached = this.#attach();
    this.attached.catch(() => {});
  }

  get ready(): Promise<void> {
    return this.#appender.queue.whenRoom();
  }

  append(...chunks: Chunk[]): Promise<Position> {
    if (chunks.length === 0) return this.attached.then(({ position }) => position);
    return this.#appender.append(chunks);
  }

  async pipe(source: ChunkSource<Chunk>): Promise<void> {
    let failure: { readonly reason: unknown } | null = null;
    for await (const value of valuesOf(source)) {
      await this.ready;
      if (failure !== null) break;
      this.append(value).catch((reason: unknown) => {
        failure ??= { reason };
      });
    }
    await this.flush();
    // Set by a callback, which the compiler does not follow.
    const failed = failure as { readonly reason: unknown } | null;
    if (failed !== null) throw failed.reason;
  }

  flush(): Promise<void> {
    return this.#appender.queue.whenEmpty();
  }

  onRequest(handler: RequestHandler): void {
    this.#listen("any", handler);
  }

  onCancel(handler: RequestHandler): void {
    this.#listen("cancel", handler);
  }

  onSteer(handler: RequestHandler): void {
    this.#listen("steer", handler);
  }

  onRespond(handler: RequestHandler): void {
    this.#listen("respond", handler);
  }

  async ask(prompt: unknown, options: AskOptions = {}): Promise<AskAnswer> {
    await this.attached;
    const { clock, random } = this.#transport;
    const { id = random.id(12), schema, expiresInMs } = options;
    const request: InputRequest = {
      ...{ id, prompt },
      ...(schema === undefined ? {} : { schema }),
      ...(expiresInMs === undefined ? {} : { expiresAtMs: clock.nowMs() + expiresInMs }),
    };
    const answer = this.#asks.open(request);
    try {
      await this.#transport.call(STREAM_COMMAND.ask, request);
    } catch (reason) {
      this.#asks.withdraw(id, PlexlineError.from(reason));
    }
    this.#inbox.open();
    this.#inbox.look();
    return answer;
  }

  close(final?: unknown): Promise<Position> {
    return this.#close([], final === undefined ? {} : { final });
  }

  done(result?: unknown): Promise<Position> {
    return this.#close([{ type: "done", ...(result === undefined ? {} : { result }) }], {});
  }

  fail(error: unknown): Promise<Position> {
    const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
    const text = typeof message === "string" ? message : String(error);
    const chunk = { type: "error", ...(typeof code === "string" ? { code } : {}), message: text };
    return this.#close([chunk], {});
  }

  async detach(): Promise<void> {
    const { generation } = await this.attached;
    await this.flush();
    this.#appender.end(null);
    await this.#transport.call(STREAM_COMMAND.detach, { producer: this.id, generation });
  }

  #close(values: readonly unknown[], end: StreamEnd): Promise<Position> {
    return this.#appender.append(values, end);
  }

  #listen(kind: Parameters<Inbox["on"]>[0], handler: RequestHandler): void {
    // What is pending is told by the answer to the attach; the log is followed from there on.
    this.attached.then(
      () => this.#inbox.on(kind, handler),
      () => {},
    );
  }

  async #attach(): Promise<AttachOutput> {
    const { id, generation } = this.#options;
    const input = {
      producer: id,
      leaseMs: this.#leaseMs,
      ...(generation === undefined ? {} : { generation }),
    };
    for (let failures = 0; ; failures += 1) {
      try {
        const output = (await this.#transport.call(STREAM_COMMAND.attach, input)) as AttachOutput;
        if (generation !== undefined && output.generation !== generation)
          throw new ProducerFencedError(output.generation - 1);
        this.status = { state: "attached", generation: output.generation };
        this.#inbox.take(output.requests);
        this.#appender.begin(output.generation, output.sequence);
        this.#renewLater();
        return output;
      } catch (reason) {
        const error = PlexlineError.from(reason);
        if (error.retry === "never") {
          this.#appender.end(error);
          throw error;
        }
        await this.#pause(failures, error.retryAfterMs);
      }
    }
  }

  #pause(failures: number, leastMs = 0): Promise<void> {
    const { clock, random } = this.#transport;
    const backoffMs = random.next() * Math.min(ATTACH_RETRY_CAP_MS, ATTACH_RETRY_BASE_MS * 2 ** failures);
    return new Promise((resolve) => {
      clock.setTimer(resolve, Math.max(leastMs, backoffMs));
    });
  }

  #renewLater(): void {
    this.#leaseTimer?.cancel();
    if (this.status.state !== "attached") return;
    const renew = () => {
      // What went wrong is tried again with the next renewal.
      this.#renew().then(
        (requests) => this.#inbox.take(requests),
        () => {},
      );
      this.#renewLater();
    };
    this.#leaseTimer = this.#transport.clock.setTimer(renew, this.#leaseMs / RENEWALS_PER_LEASE);
  }

  /** Renews the lease; resolves with what is pending. */
  async #renew(): Promise<readonly PendingRequest[]> {
    const { status } = this;
    if (status.state !== "attached") return [];
    const { generation } = status;
    const input = { producer: this.id, generation };
    const output = (await this.#transport.call(STREAM_COMMAND.renew, input)) as {
      readonly generation?: number;
      readonly requests: readonly PendingRequest[];
    };
    const present = output.generation ?? generation;
    if (present > generation) this.#appender.end(new ProducerFencedError(present));
    return output.requests;
  }

  #end(error: PlexlineError | null): void {
    this.#leaseTimer?.cancel();
    this.#inbox.stop();
    this.#asks.end(error ?? new PlexlineError("STREAM_CLOSED"));
    this.status = error === null ? { state: "ended" } : { state: "failed", error };
    this.#settleEnd(error);
  }
}
