import { PlexlineError, type Position } from "@plexline/protocol";
import type { Sender } from "@plexline/server";
import { renewedUse } from "./lifetime.ts";
import { CONTENT_TYPES, type ResolvedOptions } from "./options.ts";
import { evicted } from "./producers.ts";
import type { CreateInput } from "./protocol.ts";
import type { Change, Description, ProducerState, StreamState } from "./state.ts";

/** What a decision about a command goes by, beside the state of the stream. */
export interface Deciding {
  readonly options: ResolvedOptions;
  readonly sender: Sender;
  /** Idempotency key of the message. */
  readonly key?: string;
  readonly nowMs: number;
  /** The last entry of the log that is known of. */
  readonly head: Position;
}

/** The description of a stream that is there. Throws STREAM_ABSENT [ST10]. */
export function needInfo({ info }: StreamState): Description {
  if (info) return info;
  throw new PlexlineError("STREAM_ABSENT");
}

/** The description of a stream, a new one if it is absent [ST10]. */
export function infoOrNew(
  { info, ended }: StreamState,
  { options, nowMs }: Deciding,
  input: CreateInput = {},
): Description {
  if (info) return info;
  if (ended)
    throw new PlexlineError("OVERLOADED", {
      message: "The stream of this name is being deleted; try again.",
    });
  const { kind = options.kind, ttlMs, expiresAtMs, metadata } = input;
  const byDefault = kind === options.kind ? options.contentType : CONTENT_TYPES[kind];
  return {
    kind,
    contentType: input.contentType ?? byDefault,
    createdAtMs: nowMs,
    closed: null,
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    ...(metadata === undefined ? {} : { metadata }),
    producers: [],
  };
}

/** The part of a change that keeps a producer, in the place of a silent one if there are too many [ST32]. */
export function keepProducer(
  state: StreamState,
  info: Description,
  id: string,
  producer: ProducerState,
  { options, nowMs }: Deciding,
): Required<Pick<Change, "producers">> & { readonly info: Description } {
  if (state.producers.has(id)) return { info, producers: new Map([[id, producer]]) };
  const out = evicted(state.producers, options.limits.producersMax, nowMs);
  const producers = new Map<string, ProducerState | null>([[id, producer]]);
  if (out !== null) producers.set(out, null);
  const ids = [...info.producers.filter((other) => other !== out), id];
  return { info: { ...info, producers: ids }, producers };
}

/** A change of a stream with what every change takes along: the description if it is another, and that the stream is used. */
export function changeOf(
  state: StreamState,
  info: Description,
  nowMs: number,
  change: Omit<Change, "info">,
): Change {
  const usedAtMs = renewedUse(info, state.info ? state.usedAtMs : nowMs, nowMs);
  return {
    ...change,
    ...(info === state.info ? {} : { info }),
    ...(usedAtMs === undefined ? {} : { usedAtMs }),
  };
}
