import type { ErrorBody } from "@plexline/protocol";
import type { StreamCommand, StreamFold, StreamInfo } from "../protocol.ts";

// What travels between the HTTP endpoint of streams and its clients; HTTP.md describes it.

/** One command of a batch. */
export interface BatchCommand {
  readonly command: StreamCommand;
  readonly input?: unknown;
  /** The same key twice is one command [SH4]. */
  readonly key?: string;
}

/** What became of it. */
export type BatchAnswer = { readonly output: unknown } | { readonly error: ErrorBody };

/** An entry of the log. */
export interface HttpEvent {
  readonly event: string;
  readonly payload: unknown;
  readonly cursor: string;
  /** When the server accepted it, in milliseconds since 1970. */
  readonly atMs?: number;
  /** Principal that it is attributed to. */
  readonly user?: string;
}

/** What an event stream begins with. */
export interface StartMessage {
  readonly type: "start";
  readonly cursor: string;
  /** Null while the stream is absent. */
  readonly info: StreamInfo | null;
  readonly fold?: StreamFold;
  /** False for `cursor=start` when the beginning is not kept any more. */
  readonly complete: boolean;
}

export interface GapMessage {
  readonly type: "gap";
  readonly cursor: string;
  readonly reason: "trimmed" | "reset";
}

/** The messages of an event stream. */
export type EventMessage =
  | StartMessage
  | ({ readonly type: "event" } & HttpEvent)
  | GapMessage
  | { readonly type: "end"; readonly error: ErrorBody };

/** Commands of a batch at most. */
export const BATCH_COMMANDS_MAX = 64;
/** A body, in bytes. */
export const BODY_BYTES_MAX = 2 * 1024 * 1024;
/** Silence after which an event stream sends a comment, in milliseconds. */
export const HEARTBEAT_MS = 15_000;
