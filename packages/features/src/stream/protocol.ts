import type { Position } from "@plexline/protocol";

// The wire of the stream feature; PROTOCOL.md beside this file describes it.

/** What the chunks of a stream are. */
export type StreamKind = "json" | "text" | "bytes";

/** The events of a stream's log. */
export const STREAM_EVENT = {
  chunk: "chunk",
  request: "request",
  outcome: "outcome",
  ask: "ask",
  producer: "producer",
  close: "close",
} as const;

/** The commands of a stream. */
export const STREAM_COMMAND = {
  info: "info",
  fold: "fold",
  create: "create",
  append: "append",
  attach: "attach",
  renew: "renew",
  detach: "detach",
  ask: "ask",
  outcome: "outcome",
  cancel: "cancel",
  steer: "steer",
  respond: "respond",
  touch: "touch",
  describe: "describe",
  delete: "delete",
} as const;

export type StreamCommand = (typeof STREAM_COMMAND)[keyof typeof STREAM_COMMAND];

/** What a reader asks of the producer. */
export type RequestKind = "cancel" | "steer" | "respond";

/** Payload of the event `request`. */
export interface StreamRequest {
  readonly id: string;
  readonly kind: RequestKind;
  /** The input request that a `respond` answers. */
  readonly ask?: string;
  /** `declined`: a `respond` that gives nothing. */
  readonly status?: "declined";
  readonly data?: unknown;
  readonly reason?: string;
}

/** A request without outcome, with its place in the log. */
export interface PendingRequest extends StreamRequest {
  readonly offset: number;
  /** Principal that asked. */
  readonly user?: string;
}

/** Payload of the event `outcome`. */
export interface RequestOutcome {
  readonly request: string;
  readonly status: "accepted" | "refused" | "done" | "failed";
  readonly data?: unknown;
}

/** Payload of the event `ask`: the producer needs input. */
export interface InputRequest {
  readonly id: string;
  readonly prompt: unknown;
  /** JSON Schema of the answer, for those who render a form. */
  readonly schema?: unknown;
  readonly expiresAtMs?: number;
}

/** Payload of the event `producer`. */
export interface ProducerChange {
  readonly producer: string;
  readonly generation: number;
  readonly state: "attached" | "detached" | "lost";
}

/** Payload of the event `close`. */
export interface StreamEnd {
  readonly final?: unknown;
}

/** What a stream is, apart from its chunks. */
export interface StreamInfo {
  readonly kind: StreamKind;
  /** Media type that HTTP tells. Default `application/json`, `text/plain` or `application/octet-stream`. */
  readonly contentType: string;
  readonly createdAtMs: number;
  /** The last entry. */
  readonly position: Position;
  /** Null while it is open. */
  readonly closed: { readonly atMs: number; readonly final?: unknown } | null;
  readonly ttlMs?: number;
  readonly expiresAtMs?: number;
  /** The application's own, as `create` or `describe` gave it. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly producers: readonly ProducerChange[];
  readonly requests: readonly PendingRequest[];
  readonly asks: readonly InputRequest[];
}

/** The fold with what it covers. */
export interface StreamFold<State = unknown> {
  /** Null if it became too large to tell. */
  readonly state: State | null;
  readonly position: Position;
}

/** Input of `subscribe`. */
export interface StreamSubscribeInput {
  readonly fold?: boolean;
}

/** The `snapshot` of the reply to `subscribe`. */
export interface StreamSnapshot<State = unknown> {
  /** Null while the stream is absent. */
  readonly info: StreamInfo | null;
  readonly fold?: StreamFold<State>;
}

/** Answer of `renew`. */
export interface RenewOutput {
  /** The producer's present one: if it is not the one renewed, that has been succeeded. -1 if the producer is unknown. */
  readonly generation: number;
  readonly requests: readonly PendingRequest[];
}

/** Answer of `ask` and `outcome`. */
export interface PlacedOutput {
  readonly position: Position;
  readonly repeated?: true;
}

/** Whose append it is. */
export interface ProducerSequence {
  readonly id: string;
  readonly generation: number;
  readonly sequence: number;
}

export interface CreateInput {
  readonly kind?: StreamKind;
  readonly contentType?: string;
  readonly ttlMs?: number;
  readonly expiresAtMs?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly values?: readonly unknown[];
  readonly close?: boolean;
}

export interface CreateOutput {
  readonly created: boolean;
  readonly info: StreamInfo;
}

export interface AppendInput {
  /** Empty only with `close`. */
  readonly values: readonly unknown[];
  /** It creates no stream: STREAM_ABSENT if there is none. */
  readonly existing?: boolean;
  readonly producer?: ProducerSequence;
  readonly order?: string;
  readonly contentType?: string;
  readonly close?: boolean;
  readonly final?: unknown;
}

/** What became of an append; a refusal is an answer and not an error, because it tells how to go on. */
export type AppendOutput =
  | {
      readonly accepted: true;
      readonly position: Position;
      readonly repeated?: true;
      /** The producer's highest accepted sequence. */
      readonly sequence?: number;
      readonly closed?: true;
    }
  | { readonly accepted: false; readonly reason: "fenced"; readonly generation: number }
  | {
      readonly accepted: false;
      readonly reason: "gap";
      readonly expected: number;
      /** The producer is known, with a lower generation. */
      readonly isNewGeneration?: true;
    }
  | { readonly accepted: false; readonly reason: "closed"; readonly position: Position }
  | { readonly accepted: false; readonly reason: "type"; readonly contentType: string }
  | { readonly accepted: false; readonly reason: "order"; readonly last: string };

export interface DescribeInput {
  readonly metadata: Readonly<Record<string, unknown>>;
  /** What the metadata has to be before; `{}` for none. */
  readonly expected?: Readonly<Record<string, unknown>>;
}

export interface AttachInput {
  readonly producer: string;
  readonly generation?: number;
  readonly leaseMs?: number;
}

export interface AttachOutput {
  readonly generation: number;
  /** The last one accepted in this generation; -1 for none. */
  readonly sequence: number;
  readonly position: Position;
  readonly requests: readonly PendingRequest[];
}

export interface ProducerInput {
  readonly producer: string;
  readonly generation: number;
}

export interface CancelInput {
  readonly id?: string;
  readonly reason?: string;
}

export interface SteerInput {
  readonly id?: string;
  readonly data: unknown;
}

export interface RespondInput {
  readonly id?: string;
  readonly ask: string;
  readonly data?: unknown;
  readonly status?: "declined";
}

export interface RequestOutput {
  readonly id: string;
  readonly position: Position;
  readonly repeated?: true;
}
