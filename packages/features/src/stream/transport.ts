import type { PlexlineError, Position } from "@plexline/protocol";
import type { StreamCommand, StreamSnapshot } from "./protocol.ts";

/**
 * The way to one stream, for its readers and producers. They are the same code over the native client, in the server's own
 * process and over HTTP; this is what differs.
 */
export interface StreamTransport {
  readonly clock: StreamClock;
  readonly random: StreamRandom;
  /** Largest input of one command, in bytes of JSON. */
  readonly commandBytesMax: number;
  /**
   * Runs a command; resolves with its output, rejects with a PlexlineError. Commands take effect in the order of the calls
   * as long as none is rejected. One that is rejected with advice "later" may have taken effect.
   */
  call(command: StreamCommand, input?: unknown): Promise<unknown>;
  /**
   * Follows the log, over losses of the connection, until the returned function is called: each event once and in order
   * from `since` on, or what comes next. With `fold` the first snapshot has the fold.
   */
  follow(options: FollowOptions, observer: StreamObserver): () => void;
}

export interface StreamClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  setTimer(callback: () => void, delayMs: number): { cancel(): void };
}

export interface StreamRandom {
  /** A number in [0, 1). */
  next(): number;
  /** A URL-safe id with `bytes` bytes of entropy. */
  id(bytes: number): string;
}

export interface FollowOptions {
  readonly since?: Position | "start";
  readonly fold?: boolean;
}

/** An event of the log with its place. */
export interface StreamLogEvent {
  readonly event: string;
  readonly payload: unknown;
  readonly position: Position;
  /** When the server accepted it, in milliseconds since 1970. */
  readonly atMs?: number;
  /** Principal that it is attributed to. */
  readonly user?: string;
}

/** What was published until `position` cannot be given any more. */
export interface StreamGap {
  readonly position: Position;
  /** `trimmed`: retention removed it. `reset`: the stream was deleted, or its history lost. */
  readonly reason: "trimmed" | "reset";
}

/** Is told what happens on a followed stream. What a callback throws, nobody catches. */
export interface StreamObserver {
  /** The server has answered, also again after a reconnect: events after `position` follow. */
  onStart(start: StreamStart): void;
  onEvent(event: StreamLogEvent): void;
  onGap(gap: StreamGap): void;
  /** It has ended: nothing follows. */
  onEnd(error: PlexlineError): void;
  /** Whether it is received now. */
  onLive?(isLive: boolean): void;
}

export interface StreamStart {
  readonly position: Position;
  readonly snapshot: StreamSnapshot;
  /** False for `since: "start"` when the beginning is not kept any more. */
  readonly isComplete: boolean;
}
