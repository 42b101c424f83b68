import { PlexlineError, type Position } from "@plexline/protocol";
import { formatCursor, parseCursor } from "../cursor.ts";
import type { FoldDefinition } from "../options.ts";
import {
  type RequestOutput,
  STREAM_COMMAND,
  STREAM_EVENT,
  type StreamCommand,
  type StreamEnd,
  type StreamFold,
  type StreamInfo,
} from "../protocol.ts";
import type {
  StreamGap,
  StreamLogEvent,
  StreamObserver,
  StreamStart,
  StreamTransport,
} from "../transport.ts";
import { BUFFER_LIMITS_DEFAULT, type BufferLimits, ChunkQueue, type StreamEntry } from "./chunks.ts";
import {
  StreamEmitter,
  type StreamHandleEvents,
  type StreamLogEvents,
  type StreamMeta,
  type StreamStatus,
} from "./events.ts";
import { Folding } from "./folding.ts";
import { createSentRequest, type SentRequest } from "./sent-request.ts";

const REQUEST_ID_BYTES = 12;

/** How a stream is read. */
export interface StreamHandleOptions<State = never> {
  /**
   * Where to begin: at the oldest chunk that is kept (`"start"`, the default), at what comes next (`"now"`), or after the
   * cursor or position of an earlier event.
   */
  readonly since?: "start" | "now" | string | Position;
  /**
   * Begin with the server's fold and keep it up to date with this definition, the same as the server's. Without `since` the
   * chunks that the fold covers are not told.
   */
  readonly fold?: FoldDefinition<State>;
  /** What waits for a slow iteration before the stream is not taken from the wire any more. */
  readonly buffer?: Partial<BufferLimits>;
  /** Called when chunks are gone for good. With it, or a listener of `gap`, iterations go on behind the gap. */
  readonly onGap?: (gap: StreamGap) => void;
}

/** An iteration met a gap that nobody else was told of: chunks are gone for good. */
export class StreamGapError extends PlexlineError {
  readonly gap: StreamGap;

  constructor(gap: StreamGap) {
    super("RESYNC", {
      message:
        gap.reason === "trimmed"
          ? "Chunks of the stream that were asked for are not kept any more."
          : "The stream was deleted or begun anew; its earlier chunks are gone.",
      fix: "Give the handle a fold, or onGap to go on with the chunks that are kept.",
    });
    this.name = "StreamGapError";
    this.gap = gap;
  }
}

/**
 * One stream as the application reads it. It opens when first listened to or iterated over, resumes by itself, and ends when
 * the stream is closed. Handles of one stream in one client have each their own place, and share the wire.
 *
 * @example
 * const run = plex.stream("run", { id: "42" });
 * for await (const chunk of run) print(chunk);
 */
export interface StreamHandle<Chunk = unknown, State = never> extends AsyncIterable<Chunk> {
  readonly status: StreamStatus;
  /** The last event that was handed on: to listeners, or to the slowest iteration. Null before the first answer. */
  readonly position: Position | null;
  /** The same as one text, to be kept and given as `since`. */
  readonly cursor: string | null;
  /** The present state, with the option `fold`; undefined until it is known, and where it is too large to be told. */
  readonly fold: State | undefined;
  /** How the stream ended; undefined while it is open, or not read to its end. */
  readonly end: StreamEnd | undefined;
  /** An event of the log, once and in order; returns what stops it. */
  on<Name extends keyof StreamLogEvents<Chunk>>(
    name: Name,
    listener: (value: StreamLogEvents<Chunk>[Name], meta: StreamMeta) => void,
  ): () => void;
  on<Name extends keyof StreamHandleEvents<State>>(
    name: Name,
    listener: (value: StreamHandleEvents<State>[Name]) => void,
  ): () => void;
  /** The chunks with their places, from the handle's present place on. Throws a StreamGapError as the iteration itself does. */
  entries(): AsyncIterableIterator<StreamEntry<Chunk>>;
  /** Asks the producer to stop. A disconnect never does. */
  cancel(reason?: string): Promise<SentRequest>;
  /** Tells the producer something while it works. */
  steer(data: unknown): Promise<SentRequest>;
  /** Answers an input request; the first answer counts. Rejects with INPUT_CLOSED. */
  respond(ask: string, data: unknown): Promise<SentRequest>;
  /** Answers an input request with nothing. */
  decline(ask: string): Promise<SentRequest>;
  /** Rejects with STREAM_ABSENT. */
  info(): Promise<StreamInfo>;
  /** Stops reading: iterations end, nothing more is told. The stream itself goes on. */
  leave(): void;
}

/** Makes a handle of a stream. */
export function createStreamHandle<Chunk = unknown, State = never>(
  transport: StreamTransport,
  options: StreamHandleOptions<State> = {},
): StreamHandle<Chunk, State> {
  return new LogStream<Chunk, State>(transport, options);
}

class LogStream<Chunk, State> implements StreamHandle<Chunk, State> {
  status: StreamStatus = { state: "idle" };
  end: StreamEnd | undefined;
  readonly #transport: StreamTransport;
  readonly #options: StreamHandleOptions<State>;
  readonly #events = new StreamEmitter();
  readonly #queues = new Set<ChunkQueue<Chunk>>();
  readonly #folding: Folding<State> | null;
  #since: Position | "start" | undefined;
  #position: Position | null = null;
  /** Events up to here are in the fold that a newcomer began with. */
  #covered: Position | null = null;
  #unfollow: (() => void) | null = null;
  /** The beginning is known to be gone. */
  #isBehindGap = false;

  constructor(transport: StreamTransport, options: StreamHandleOptions<State>) {
    this.#transport = transport;
    this.#options = options;
    this.#folding = options.fold === undefined ? null : new Folding(options.fold);
    this.#since = sinceOf(options);
  }

  get position(): Position | null {
    let position = this.#position;
    for (const { taken, isEmpty } of this.#queues)
      if (!isEmpty && taken !== null && (position === this.#position || taken.offset < position!.offset))
        position = taken;
    return position;
  }

  get cursor(): string | null {
    return this.position === null ? null : formatCursor(this.position);
  }

  get fold(): State | undefined {
    return this.#folding?.state;
  }

  on(name: string, listener: (...values: never[]) => void): () => void {
    const off = this.#events.on(name, listener);
    this.#open();
    return () => {
      off();
      this.#leaveIfUnused();
    };
  }

  [Symbol.asyncIterator](): AsyncIterator<Chunk, void> {
    const entries = this.entries();
    return {
      async next() {
        const { done, value } = await entries.next();
        return done ? { done: true, value: undefined } : { done: false, value: value.chunk };
      },
      async return() {
        await entries.return?.();
        return { done: true, value: undefined };
      },
    };
  }

  entries(): AsyncIterableIterator<StreamEntry<Chunk>> {
    const queue = new ChunkQueue<Chunk>(
      { ...BUFFER_LIMITS_DEFAULT, ...this.#options.buffer },
      {
        onDrained: () => this.#resume(),
        onReturn: (ended) => {
          this.#queues.delete(ended);
          this.#resume();
          this.#leaveIfUnused();
        },
      },
    );
    queue.taken = this.#position;
    const { status } = this;
    if (status.state === "closed") queue.end();
    else if (status.state === "failed") queue.end(status.error);
    else {
      this.#queues.add(queue);
      this.#open();
    }
    return {
      next: () => queue.next(),
      return: () => queue.return() as Promise<IteratorResult<StreamEntry<Chunk>, undefined>>,
      [Symbol.asyncIterator]() {
        return this;
      },
    } as AsyncIterableIterator<StreamEntry<Chunk>>;
  }

  cancel(reason?: string): Promise<SentRequest> {
    return this.#request(STREAM_COMMAND.cancel, reason === undefined ? {} : { reason });
  }

  steer(data: unknown): Promise<SentRequest> {
    return this.#request(STREAM_COMMAND.steer, { data });
  }

  respond(ask: string, data: unknown): Promise<SentRequest> {
    return this.#request(STREAM_COMMAND.respond, { ask, data });
  }

  decline(ask: string): Promise<SentRequest> {
    return this.#request(STREAM_COMMAND.respond, { ask, status: "declined" });
  }

  async info(): Promise<StreamInfo> {
    return (await this.#transport.call(STREAM_COMMAND.info)) as StreamInfo;
  }

  leave(): void {
    this.#stop({ state: "idle" });
    for (const queue of [...this.#queues]) queue.end();
  }

  /** The id is ours, so that a request that is sent again is the same one (ST21). */
  async #request(command: StreamCommand, input: object): Promise<SentRequest> {
    const id = this.#transport.random.id(REQUEST_ID_BYTES);
    const output = (await this.#transport.call(command, { id, ...input })) as RequestOutput;
    return createSentRequest(this.#transport, output);
  }

  #open(): void {
    const { state } = this.status;
    if (this.#unfollow !== null || state === "closed" || state === "failed" || state === "paused") return;
    this.#setStatus({ state: "connecting" });
    this.#follow();
  }

  #follow(): void {
    const since = this.#position ?? this.#since;
    const fold = this.#folding !== null && this.#folding.position === null;
    const observer: StreamObserver = {
      onStart: (start) => this.#onStart(start),
      onEvent: (event) => this.#onEvent(event),
      onGap: (gap) => this.#onGap(gap),
      onEnd: (error) => this.#fail(error),
      onLive: (isLive) => this.#setStatus({ state: isLive ? "live" : "connecting" }),
    };
    this.#unfollow = this.#transport.follow({ ...(since === undefined ? {} : { since }), fold }, observer);
  }

  #onStart({ position, snapshot, isComplete }: StreamStart): void {
    const isNewcomer = this.#position === null;
    this.#position = position;
    for (const queue of this.#queues) queue.taken ??= position;
    this.#setStatus({ state: "live" });
    this.#events.emit("info", snapshot.info);
    if (isNewcomer && !isComplete && !this.#isBehindGap && !this.#tellGap({ position, reason: "trimmed" }))
      return;
    this.#startFold(snapshot.fold, snapshot.info, position, isNewcomer);
    const { info } = snapshot;
    const known = this.#covered ?? position;
    const isAtEnd =
      info?.closed && info.position.epoch === known.epoch && known.offset >= info.position.offset;
    if (isAtEnd) this.#finish(info.closed.final === undefined ? {} : { final: info.closed.final });
  }

  #startFold(
    fold: StreamFold | undefined,
    info: StreamInfo | null,
    position: Position,
    isNewcomer: boolean,
  ): void {
    const folding = this.#folding;
    if (folding === null || folding.position !== null) return;
    if (fold !== undefined) folding.load(fold);
    else if (info === null) folding.begin(position);
    else {
      this.#reloadFold();
      return;
    }
    if (isNewcomer && this.#options.since === undefined) this.#covered = folding.position;
    if (folding.state !== undefined) this.#events.emit("fold", folding.state);
  }

  #onEvent(event: StreamLogEvent): void {
    const { position, payload } = event;
    this.#position = position;
    if (this.#folding?.apply(event)) this.#events.emit("fold", this.#folding.state);
    const covered = this.#covered;
    if (covered !== null && covered.epoch === position.epoch && position.offset <= covered.offset) return;
    this.#covered = null;
    const meta = metaOf(event);
    if (event.event === STREAM_EVENT.close) {
      this.#finish(payload as StreamEnd, meta);
      return;
    }
    this.#events.emit(event.event, payload, meta);
    if (event.event === STREAM_EVENT.chunk) this.#buffer({ chunk: payload as Chunk, ...meta });
  }

  #buffer(entry: StreamEntry<Chunk>): void {
    let isFull = false;
    for (const queue of this.#queues) {
      queue.push(entry);
      isFull ||= queue.isFull;
    }
    if (!isFull || this.#unfollow === null) return;
    this.#unfollow();
    this.#unfollow = null;
    this.#setStatus({ state: "paused" });
  }

  /** Goes on from its place once every iteration has caught up. */
  #resume(): void {
    if (this.status.state !== "paused") return;
    for (const queue of this.#queues) if (!queue.isLow) return;
    this.#setStatus({ state: "connecting" });
    this.#follow();
  }

  #onGap(gap: StreamGap): void {
    // Whoever stood before the first entry has missed nothing: an empty log may come back under another name.
    const hasMissed = gap.reason !== "reset" || this.#position?.offset !== 0;
    this.#position = gap.position;
    this.#covered = null;
    this.#folding?.expect();
    if (hasMissed && !this.#tellGap(gap)) return;
    if (hasMissed && this.#folding !== null) {
      this.#reloadFold();
      return;
    }
    // What is left of the log begins at its oldest entry; the answer stands at its end (R4).
    this.#unfollow?.();
    this.#position = null;
    this.#since = "start";
    this.#follow();
  }

  /** Tells it to whoever wants to know; false if nobody is left who reads. */
  #tellGap(gap: StreamGap): boolean {
    const isHandled = this.#options.onGap !== undefined || this.#folding !== null || this.#events.has("gap");
    this.#options.onGap?.(gap);
    this.#events.emit("gap", gap);
    if (!isHandled) for (const queue of [...this.#queues]) queue.end(new StreamGapError(gap));
    this.#isBehindGap = true;
    return this.#unfollow !== null;
  }

  #reloadFold(): void {
    this.#transport.call(STREAM_COMMAND.fold).then(
      (fold) => {
        const folding = this.#folding as Folding<State>;
        if (this.#unfollow === null || folding.position !== null) return;
        if (!folding.load(fold as StreamFold)) this.#reloadFold();
        else if (folding.state !== undefined) this.#events.emit("fold", folding.state);
      },
      (reason: unknown) => {
        const error = PlexlineError.from(reason);
        if (this.#unfollow === null) return;
        if (error.code === "STREAM_ABSENT" && this.#position !== null) this.#folding?.begin(this.#position);
        else if (error.retry === "never") this.#fail(error);
        else this.#transport.clock.setTimer(() => this.#unfollow && this.#reloadFold(), 1_000);
      },
    );
  }

  #finish(end: StreamEnd, meta?: StreamMeta): void {
    this.end = end;
    this.#stop({ state: "closed" });
    this.#events.emit(
      "close",
      end,
      meta ?? metaOf({ event: "close", payload: end, position: this.#position! }),
    );
    for (const queue of [...this.#queues]) queue.end();
  }

  #fail(error: PlexlineError): void {
    this.#stop({ state: "failed", error });
    this.#events.emit("error", error);
    for (const queue of [...this.#queues]) queue.end(error);
  }

  #leaveIfUnused(): void {
    if (this.#queues.size === 0 && this.#events.size === 0) this.#stop({ state: "idle" });
  }

  #stop(status: StreamStatus): void {
    this.#unfollow?.();
    this.#unfollow = null;
    if (this.status.state !== "closed" && this.status.state !== "failed") this.#setStatus(status);
  }

  #setStatus(status: StreamStatus): void {
    if (this.status.state === status.state) return;
    this.status = status;
    this.#events.emit("status", status);
  }
}

function sinceOf<State>({ since, fold }: StreamHandleOptions<State>): Position | "start" | undefined {
  if (since === undefined) return fold === undefined ? "start" : undefined;
  if (since === "now") return undefined;
  if (since === "start" || typeof since === "object") return since;
  const position = parseCursor(since);
  if (position !== null) return position;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `since is not a cursor: "${since.slice(0, 64)}".`,
    fix: 'Give a cursor of an earlier event as it was, "start" or "now".',
  });
}

function metaOf({ position, atMs, user }: StreamLogEvent): StreamMeta {
  return {
    offset: position.offset,
    cursor: formatCursor(position),
    position,
    ...(atMs === undefined ? {} : { atMs }),
    ...(user === undefined ? {} : { user }),
  };
}
