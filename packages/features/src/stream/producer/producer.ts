import type { PlexlineError, Position } from "@plexline/protocol";
import type { AttachOutput } from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";
import type { AskAnswer, AskOptions } from "./asks.ts";
import type { RequestHandler } from "./inbox.ts";
import { LogProducer } from "./log-producer.ts";
import type { ProducerLimits } from "./queue.ts";
import type { ChunkSource } from "./source.ts";

/** How a producer attaches. */
export interface StreamProducerOptions {
  /** Its id in the stream. A successor attaches under the same one, and the predecessor is fenced. */
  readonly id: string;
  /** Its generation, if the application keeps count of them. Default: the next one. */
  readonly generation?: number;
  /** How long it may be silent before readers are told that it is lost, in milliseconds, from 1 s to 1 h. Default 30,000. */
  readonly leaseMs?: number;
  /** How long values wait for others to leave with, in milliseconds. Default 0: those of one go leave together. */
  readonly lingerMs?: number;
  /** Bounds of what is not known to be durable. */
  readonly queue?: Partial<ProducerLimits>;
}

export type ProducerStatus =
  | { readonly state: "attaching" }
  | { readonly state: "attached"; readonly generation: number }
  /** It has closed the stream, or was detached. */
  | { readonly state: "ended" }
  /** It cannot go on: a ProducerFencedError if a successor has taken over. */
  | { readonly state: "failed"; readonly error: PlexlineError };

/**
 * Writes a stream, under an id of its own: everything that it appends is in the log once and in order, whatever happens to
 * connections and servers on the way. It attaches at once and renews its lease by itself.
 *
 * @example
 * const producer = plex.producer("run", { id: "42" }, { id: "agent" });
 * producer.onCancel(() => model.abort());
 * await producer.append({ type: "status", status: "running" });
 * await producer.done({ answer: 42 });
 */
export interface StreamProducer<Chunk = unknown> {
  readonly id: string;
  readonly status: ProducerStatus;
  /** Resolves when attached, with what the server said; rejects when it cannot be. */
  readonly attached: Promise<AttachOutput>;
  /** Resolves when the producer has ended: by its close or `detach`; rejects with the reason if it cannot go on. */
  readonly ended: Promise<void>;
  /** Resolves when more may be appended. */
  readonly ready: Promise<void>;
  /**
   * Appends chunks, all of them in one commit as far as one message holds them. Resolves when they are durable, with the
   * position of the last one or one behind it. Rejects with QUEUE_FULL when too much waits (`ready` tells when not any more),
   * PAYLOAD_INVALID, MESSAGE_TOO_LARGE, STREAM_CLOSED, or the reason for which the producer cannot go on.
   */
  append(...chunks: Chunk[]): Promise<Position>;
  /** Appends what a source gives, at the pace of the server; resolves when all of it is durable. */
  pipe(source: ChunkSource<Chunk>): Promise<void>;
  /** Resolves when everything appended so far is durable or refused. */
  flush(): Promise<void>;
  /** Handles requests of any kind that has no handler of its own. Kept ones come first, oldest first. */
  onRequest(handler: RequestHandler): void;
  onCancel(handler: RequestHandler): void;
  onSteer(handler: RequestHandler): void;
  /** Handles answers to input requests that were not made with `ask` here. */
  onRespond(handler: RequestHandler): void;
  /** Asks the readers for input, and resolves with the first answer, or when it declines or the time is over. */
  ask(prompt: unknown, options?: AskOptions): Promise<AskAnswer>;
  /** Closes the stream behind everything appended so far, in one commit with the last of it. */
  close(final?: unknown): Promise<Position>;
  /** Ends a run well: `done` and the close in one commit. */
  done(result?: unknown): Promise<Position>;
  /** Ends a run with an error: `error` and the close in one commit. */
  fail(error: unknown): Promise<Position>;
  /** Lets go of the stream without closing it, when all is durable; nobody is told that the producer is lost. */
  detach(): Promise<void>;
}

/** Makes a producer and attaches it. */
export function createProducer<Chunk = unknown>(
  transport: StreamTransport,
  options: StreamProducerOptions,
): StreamProducer<Chunk> {
  return new LogProducer<Chunk>(transport, options);
}
