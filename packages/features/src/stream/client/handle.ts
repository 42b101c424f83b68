import type { Position } from "@plexline/protocol";
import type { FoldDefinition } from "../options.ts";
import type { StreamEnd, StreamInfo } from "../protocol.ts";
import type { StreamGap, StreamTransport } from "../transport.ts";
import type { BufferLimits, StreamEntry } from "./chunks.ts";
import type { StreamHandleEvents, StreamLogEvents, StreamMeta, StreamStatus } from "./events.ts";
import { LogStream } from "./log-stream.ts";
import type { SentRequest } from "./sent-request.ts";

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
