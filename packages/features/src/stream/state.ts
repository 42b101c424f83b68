import type { Position } from "@plexline/protocol";
import type { LoggedEvent } from "@plexline/server";
import type { InputRequest, PendingRequest, ProducerChange, StreamInfo, StreamKind } from "./protocol.ts";

// What is stored of a stream beside its log. Each interface is one value of the topic; a commit replaces those that it
// changes, on condition of their versions.

/** What a stream is. */
export interface Description {
  readonly kind: StreamKind;
  readonly contentType: string;
  readonly createdAtMs: number;
  readonly closed: { readonly atMs: number; readonly final?: unknown } | null;
  readonly ttlMs?: number;
  readonly expiresAtMs?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Ids of those whose state is kept. */
  readonly producers: readonly string[];
}

/** Where a producer stands. */
export interface ProducerState {
  readonly generation: number;
  /** The last one accepted in the generation; -1 for none. */
  readonly sequence: number;
  readonly state: ProducerChange["state"];
  readonly leaseMs: number;
  /** When it last appended, attached or renewed. */
  readonly seenAtMs: number;
}

/** What something in the log is known by: its id and its place. */
export interface Placed {
  readonly id: string;
  readonly offset: number;
}

/** What readers have asked of producers, and producers of readers. */
export interface Requests {
  /** Without outcome, oldest first. */
  readonly pending: readonly PendingRequest[];
  /** With one, the newest last; as many as are remembered. */
  readonly settled: readonly Placed[];
  readonly asks: readonly (InputRequest & { readonly offset: number })[];
  /** Asks that have been answered, the newest last; as many as are remembered. */
  readonly answered: readonly Placed[];
}

/** A stream that is gone, but whose log has perhaps not been begun anew yet. */
export interface Ended {
  /** Epoch of the log that went with it. */
  readonly epoch: string;
  readonly atMs: number;
}

/** All of it. */
export interface StreamState {
  /** Null: the stream is absent. */
  readonly info: Description | null;
  /** The log of the stream before has not been begun anew yet; nothing can be created until it has. */
  readonly ended: Ended | null;
  readonly producers: ReadonlyMap<string, ProducerState>;
  readonly requests: Requests;
  /** The last `order` that was accepted. */
  readonly order: string | null;
  /** When it was last used, as far as that is stored; only where that ends its life. */
  readonly usedAtMs: number;
}

/** What a command changes, in one commit. What is absent stays as it is. */
export interface Change {
  /** Entries for the log, in this order. */
  readonly events: readonly LoggedEvent[];
  readonly info?: Description;
  /** Null removes a producer. */
  readonly producers?: ReadonlyMap<string, ProducerState | null>;
  readonly requests?: Requests;
  readonly order?: string;
  readonly usedAtMs?: number;
  /** Something of the log whose offset is known only once it is committed: it is told as soon as it is. */
  readonly place?: (offset: number) => void;
  /** The stream is gone after this: its values go, and its log begins anew. */
  readonly ends?: true;
}

/** What becomes of a command: a commit with its answer, or an answer that needs none. */
export type Verdict<Output> =
  | { readonly change: Change; readonly output: (position: Position) => Output }
  | { readonly answer: Output };

export const NO_REQUESTS: Requests = { pending: [], settled: [], asks: [], answered: [] };

export const ABSENT: StreamState = {
  info: null,
  ended: null,
  producers: new Map(),
  requests: NO_REQUESTS,
  order: null,
  usedAtMs: 0,
};

/** The state after a change. */
export function applyChange(state: StreamState, change: Change): StreamState {
  if (change.ends) return ABSENT;
  let { producers } = state;
  if (change.producers) {
    const next = new Map(producers);
    for (const [id, producer] of change.producers) {
      if (producer) next.set(id, producer);
      else next.delete(id);
    }
    producers = next;
  }
  return {
    info: change.info ?? state.info,
    ended: state.ended,
    producers,
    requests: change.requests ?? state.requests,
    order: change.order ?? state.order,
    usedAtMs: change.usedAtMs ?? state.usedAtMs,
  };
}

/** What anybody may know of a stream. */
export function infoOf(state: StreamState, position: Position, nowMs: number): StreamInfo | null {
  if (!state.info) return null;
  const { kind, contentType, createdAtMs, closed, ttlMs, expiresAtMs, metadata } = state.info;
  return {
    kind,
    contentType,
    createdAtMs,
    position,
    closed,
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(metadata === undefined ? {} : { metadata }),
    producers: [...state.producers].map(([producer, { generation, state }]) => ({
      producer,
      generation,
      // A closed stream has no leases [ST19].
      state: closed ? "detached" : state,
    })),
    requests: state.requests.pending,
    asks: openAsks(state.requests, nowMs).map(({ offset: _, ...ask }) => ask),
  };
}

/** The asks that may still be answered. */
export function openAsks({ asks }: Requests, nowMs: number): Requests["asks"] {
  return asks.filter(({ expiresAtMs }) => expiresAtMs === undefined || expiresAtMs > nowMs);
}
