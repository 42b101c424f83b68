import type { Clock, Timer } from "../platform/clock.ts";
import type { Socket, SocketHandlers } from "./socket.ts";

/** Where a body is written: the response of a server, or a web stream that somebody reads. */
export interface BodySink {
  /** Bytes that the peer's transport has not taken yet. */
  readonly bufferedBytes: number;
  write(data: string | Uint8Array): void;
  /** The same array goes to many sinks, and does not change. */
  writeAll(messages: readonly (string | Uint8Array)[]): void;
  /** Ends the body, whole. */
  end(): void;
  /** Cuts it, so that whoever reads it knows. */
  destroy(): void;
}

/** What happens to a sink. */
export interface BodySinkEvents {
  /** Bytes went out. */
  onFlushed(): void;
  /** Everything has been taken after `end`, or nobody reads any more. May be told twice. */
  onOver(): void;
}

export interface BodySocketOptions {
  readonly clock: Clock;
  /** How long a peer may take nothing of a body that has ended, in milliseconds, before it is cut. */
  readonly closeTimeoutMs: number;
}

/** Ended by this side before anybody read it, or by the peer. */
const LOST = { code: 1006, reason: "" };

/**
 * A socket whose far end is the body of an HTTP response: what is sent is appended to it, and nothing is ever received. Until
 * somebody writes the response, what is sent waits here. The peer answers no pings, so it is alive as long as it takes what
 * it is sent; whether it is there at all, TCP finds out at the next message.
 */
export class BodySocket implements Socket {
  /** A body that ends well is taken for whole. */
  readonly endMeansWhole = true;
  readonly #options: BodySocketOptions;
  #handlers: SocketHandlers | null = null;
  #sink: BodySink | null = null;
  #early: (string | Uint8Array)[] = [];
  #earlyBytes = 0;
  /** How it was ended here. */
  #ended: { readonly code: number; readonly reason: string } | null = null;
  #isCut = false;
  #isOver = false;
  #deadline: Timer | null = null;

  constructor(options: BodySocketOptions) {
    this.#options = options;
  }

  get bufferedBytes(): number {
    return this.#sink ? this.#sink.bufferedBytes : this.#earlyBytes;
  }

  /** The response is being written: from now on everything goes to the sink. */
  open(createSink: (events: BodySinkEvents) => BodySink): void {
    const sink = createSink({
      onFlushed: () => {
        if (this.#ended) return;
        this.#handlers?.onPong();
        this.#handlers?.onFlushed();
      },
      onOver: () => this.#over(LOST),
    });
    this.#sink = sink;
    if (this.#early.length > 0) sink.writeAll(this.#early);
    this.#early = [];
    this.#earlyBytes = 0;
    if (this.#isCut) sink.destroy();
    else if (this.#ended) sink.end();
  }

  send(data: string | Uint8Array): void {
    if (this.#ended) return;
    if (this.#sink) {
      this.#sink.write(data);
      return;
    }
    this.#early.push(data);
    this.#earlyBytes += typeof data === "string" ? Buffer.byteLength(data) : data.byteLength;
  }

  sendAll(messages: readonly (string | Uint8Array)[], bufferedBytesMax: number): boolean {
    if (this.#ended || this.bufferedBytes >= bufferedBytesMax) return false;
    if (this.#sink) this.#sink.writeAll(messages);
    else for (const message of messages) this.send(message);
    return true;
  }

  ping(): void {
    if (this.#sink?.bufferedBytes === 0) queueMicrotask(() => this.#handlers?.onPong());
  }

  close(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = { code, reason };
    this.#sink?.end();
    this.#cutIfStuck(Number.POSITIVE_INFINITY);
  }

  terminate(): void {
    if (this.#isCut || this.#isOver) return;
    this.#ended ??= LOST;
    this.#isCut = true;
    if (this.#sink) this.#sink.destroy();
    queueMicrotask(() => this.#over(LOST));
  }

  // A body receives nothing.
  pause(): void {}
  resume(): void {}
  setMessageBytesMax(): void {}

  attach(handlers: SocketHandlers): void {
    this.#handlers = handlers;
  }

  /** A peer that goes on taking what is left may have its time. */
  #cutIfStuck(bytesBefore: number): void {
    const { clock, closeTimeoutMs } = this.#options;
    const bytes = this.bufferedBytes;
    if (bytes >= bytesBefore) {
      this.terminate();
      return;
    }
    this.#deadline = clock.setTimer(() => this.#cutIfStuck(bytes), closeTimeoutMs);
  }

  #over(otherwise: { readonly code: number; readonly reason: string }): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    const handlers = this.#handlers;
    this.#handlers = null;
    this.#ended ??= otherwise;
    handlers?.onClose(this.#ended.code, this.#ended.reason);
  }
}
