import { isErrorCode, PlexlineError, type Position } from "@plexline/protocol";
import { formatCursor, parseCursor } from "../cursor.ts";
import { SseParser } from "../reader/sse-parser.ts";
import type { FollowOptions, StreamClock, StreamObserver, StreamRandom } from "../transport.ts";
import type { HttpLine } from "./line.ts";
import { type EventMessage, HEARTBEAT_MS, type HttpEvent } from "./message.ts";

export interface FollowerParts {
  readonly line: HttpLine;
  readonly clock: StreamClock;
  readonly random: StreamRandom;
}

const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 5_000;
/** A line on which not even a comment comes for so long is dead. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 5_000;

/** Follows the log by event streams, one after the other, each from where the last one ended. */
export class HttpFollower {
  readonly #parts: FollowerParts;
  readonly #options: FollowOptions;
  readonly #observer: StreamObserver;
  /** Null until the server has said where it begins. */
  #position: Position | null;
  #isStarted = false;
  #isStopped = false;
  #failures = 0;
  #abort = new AbortController();
  #wake: (() => void) | null = null;

  constructor(parts: FollowerParts, options: FollowOptions, observer: StreamObserver) {
    this.#parts = parts;
    this.#options = options;
    this.#observer = observer;
    this.#position = typeof options.since === "object" ? options.since : null;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    this.#abort.abort();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      this.#abort = new AbortController();
      const error = await this.#readOne();
      // Its body may still be on its way.
      this.#abort.abort();
      if (this.#isStopped) return;
      if (error?.retry === "never") {
        this.#end(error);
        return;
      }
      this.#observer.onLive?.(false);
      if (this.#isStopped) return;
      await this.#pause(error?.retryAfterMs);
    }
  }

  /** Reads one event stream to its end; what has ended it, if something has. What an observer throws is not caught. */
  async #readOne(): Promise<PlexlineError | null> {
    let messages: AsyncGenerator<EventMessage, void>;
    try {
      const { signal } = this.#abort;
      const response = await this.#parts.line.request(`/events?${this.#query()}`, { method: "GET", signal });
      messages = this.#messagesOf(response);
    } catch (reason) {
      return PlexlineError.from(reason);
    }
    for (;;) {
      let next: IteratorResult<EventMessage, void>;
      try {
        next = await messages.next();
      } catch (reason) {
        return PlexlineError.from(reason, "DISCONNECTED");
      }
      if (next.done || this.#isStopped) return null;
      const isContinued = this.#hear(next.value);
      if (this.#isStopped || !isContinued) return null;
    }
  }

  #query(): string {
    const { since, fold } = this.#options;
    const cursor = this.#position === null ? since : formatCursor(this.#position);
    return new URLSearchParams({
      live: "sse",
      ...(typeof cursor === "string" ? { cursor } : {}),
      ...(fold && !this.#isStarted ? { fold: "1" } : {}),
    }).toString();
  }

  async *#messagesOf(response: Response): AsyncGenerator<EventMessage, void> {
    const reader = response.body?.getReader();
    if (reader === undefined) return;
    const messages: EventMessage[] = [];
    const parser = new SseParser(({ data }) => messages.push(JSON.parse(data) as EventMessage));
    const decoder = new TextDecoder();
    const { clock } = this.#parts;
    for (;;) {
      const timer = clock.setTimer(() => this.#abort.abort(), SILENCE_MS);
      const { done, value } = await reader.read().finally(() => timer.cancel());
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  }

  /** False when the stream has to be asked for anew. */
  #hear(message: EventMessage): boolean {
    switch (message.type) {
      case "start": {
        const position = positionOf(message.cursor);
        const isComplete = this.#isStarted || message.complete;
        this.#position = position;
        this.#isStarted = true;
        this.#failures = 0;
        const { info, fold } = message;
        this.#observer.onStart({ position, snapshot: { info, ...(fold && { fold }) }, isComplete });
        if (!this.#isStopped) this.#observer.onLive?.(true);
        return true;
      }
      case "event":
        return this.#take(message);
      case "gap":
        this.#position = positionOf(message.cursor);
        this.#observer.onGap({ position: this.#position, reason: message.reason });
        return true;
      case "end": {
        const { error } = message;
        this.#end(new PlexlineError(isErrorCode(error.code) ? error.code : "INTERNAL", error));
        return false;
      }
      default:
        // A later server may tell more.
        return true;
    }
  }

  #take({ event, payload, cursor, atMs, user }: HttpEvent): boolean {
    const position = positionOf(cursor);
    const before = this.#position;
    if (before === null || before.epoch !== position.epoch || position.offset > before.offset + 1)
      return false;
    if (position.offset <= before.offset) return true;
    this.#position = position;
    this.#observer.onEvent({
      ...{ event, payload, position },
      ...(atMs === undefined ? {} : { atMs }),
      ...(user === undefined ? {} : { user }),
    });
    return true;
  }

  #end(error: PlexlineError): void {
    this.stop();
    this.#observer.onEnd(error);
  }

  #pause(leastMs = 0): Promise<void> {
    const { clock, random } = this.#parts;
    const backoffMs = random.next() * Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    return new Promise((resolve) => {
      const timer = clock.setTimer(resolve, Math.max(leastMs, backoffMs));
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

function positionOf(cursor: string): Position {
  const position = parseCursor(cursor);
  if (position === null)
    throw new PlexlineError("INTERNAL", { message: "The server has told a bad cursor." });
  return position;
}
