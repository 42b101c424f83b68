import { PlexlineError, type Position } from "@plexline/protocol";
import { formatCursor } from "../cursor.ts";
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
import type { StreamEntry } from "./chunks.ts";
import { StreamEmitter, type StreamMeta, type StreamStatus } from "./events.ts";
import { Folding } from "./folding.ts";
import { StreamGapError } from "./gap-error.ts";
import type { StreamHandle, StreamHandleOptions } from "./handle.ts";
import { chunksOnly, Iterations, iterate } from "./iterations.ts";
import { metaOf, sinceOf } from "./place.ts";
import { createSentRequest, type SentRequest } from "./sent-request.ts";

const REQUEST_ID_BYTES = 12;

/** A handle that follows the stream's log through a transport. */
export class LogStream<Chunk, State> implements StreamHandle<Chunk, State> {
  status: StreamStatus = { state: "idle" };
  end: StreamEnd | undefined;
  readonly #transport: StreamTransport;
  readonly #options: StreamHandleOptions<State>;
  readonly #events = new StreamEmitter();
  readonly #iterations: Iterations<Chunk>;
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
    this.#iterations = new Iterations(options.buffer, {
      onDrained: () => this.#resume(),
      onReturn: () => this.#leaveIfUnused(),
    });
  }

  get position(): Position | null {
    return this.#iterations.slowest(this.#position);
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
    return chunksOnly(this.entries());
  }

  entries(): AsyncIterableIterator<StreamEntry<Chunk>> {
    const { status } = this;
    if (status.state === "closed") return iterate(this.#iterations.add(this.#position, {}));
    if (status.state === "failed") return iterate(this.#iterations.add(this.#position, status));
    const queue = this.#iterations.add(this.#position);
    this.#open();
    return iterate(queue);
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
    this.#iterations.end();
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
    this.#iterations.place(position);
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
    if (this.#iterations.push(entry) || this.#unfollow === null) return;
    this.#unfollow();
    this.#unfollow = null;
    this.#setStatus({ state: "paused" });
  }

  /** Goes on from its place once every iteration has caught up. */
  #resume(): void {
    if (this.status.state !== "paused" || !this.#iterations.isLow) return;
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
    if (!isHandled) this.#iterations.end(new StreamGapError(gap));
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
    this.#iterations.end();
  }

  #fail(error: PlexlineError): void {
    this.#stop({ state: "failed", error });
    this.#events.emit("error", error);
    this.#iterations.end(error);
  }

  #leaveIfUnused(): void {
    if (this.#iterations.size === 0 && this.#events.size === 0) this.#stop({ state: "idle" });
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
