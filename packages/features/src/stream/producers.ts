import { PlexlineError } from "@plexline/protocol";
import type { LoggedEvent, Sender } from "@plexline/server";
import { type ProducerSequence, STREAM_EVENT } from "./protocol.ts";
import type { ProducerState, StreamState } from "./state.ts";

/** A producer that has been silent for this long makes room for another one [ST32]. */
const SILENT_MS = 7 * 24 * 3_600_000;

/** What a producer's generation and sequence amount to, given what is known of the producer. */
export type FenceVerdict =
  | { readonly fence: "next" }
  | { readonly fence: "repeated"; readonly sequence: number }
  | { readonly fence: "gap"; readonly expected: number; readonly isNewGeneration?: true }
  | { readonly fence: "fenced"; readonly generation: number };

/** Decides whether an append is the next one of its producer [ST2 to ST5]. */
export function fence(
  known: Pick<ProducerState, "generation" | "sequence"> | undefined,
  { generation, sequence }: Pick<ProducerSequence, "generation" | "sequence">,
): FenceVerdict {
  if (known && generation < known.generation) return { fence: "fenced", generation: known.generation };
  const last = known && generation === known.generation ? known.sequence : -1;
  if (sequence <= last) return { fence: "repeated", sequence: last };
  if (sequence === last + 1) return { fence: "next" };
  const isNew = known && generation > known.generation;
  return { fence: "gap", expected: last + 1, ...(isNew ? { isNewGeneration: true } : {}) };
}

/** The producer after an accepted append: back if it was lost, in its predecessor's place if that had a lease [ST5, ST17]. */
export function afterAppend(
  known: ProducerState | undefined,
  { generation, sequence }: Pick<ProducerSequence, "generation" | "sequence">,
  nowMs: number,
  leaseMs: number,
): ProducerState {
  const state = known === undefined || known.state === "detached" ? "detached" : "attached";
  return { generation, sequence, state, leaseMs: known?.leaseMs ?? leaseMs, seenAtMs: nowMs };
}

/** The generation that `attach` makes the producer's [ST16]. */
export function attachedGeneration(known: ProducerState | undefined, asked: number | undefined): number {
  if (!known) return asked ?? 0;
  if (asked !== undefined && asked >= known.generation) return asked;
  if (known.generation === Number.MAX_SAFE_INTEGER)
    throw new PlexlineError("PAYLOAD_INVALID", { message: "The producer has no generation left." });
  return known.generation + 1;
}

/** Whether a change of a producer is told [ST16, ST17, ST18]. */
export function isTold(known: ProducerState | undefined, next: ProducerState): boolean {
  if (next.state === "detached") return known !== undefined && known.state !== "detached";
  return known?.state !== next.state || known.generation !== next.generation;
}

export function producerEvent(producer: string, { generation, state }: ProducerState, sender?: Sender) {
  const event: LoggedEvent = { event: STREAM_EVENT.producer, payload: { producer, generation, state } };
  return sender ? { ...event, sender } : event;
}

/** When an attached producer is taken for lost; undefined without a lease [ST17, ST19]. */
export function leaseEndMs({ state, seenAtMs, leaseMs }: ProducerState): number | undefined {
  return state === "attached" ? seenAtMs + leaseMs : undefined;
}

/** Those whose lease has run out. */
export function overdue({ info, producers }: StreamState, nowMs: number): [string, ProducerState][] {
  if (!info || info.closed) return [];
  return [...producers].filter(([, producer]) => (leaseEndMs(producer) ?? nowMs + 1) <= nowMs);
}

/** Whose place a new producer takes: null for nobody's. Throws OVERLOADED if there is no room [ST32]. */
export function evicted(
  producers: StreamState["producers"],
  producersMax: number,
  nowMs: number,
): string | null {
  if (producers.size < producersMax) return null;
  const silent = [...producers].filter(
    ([, { state, seenAtMs }]) => state !== "attached" && nowMs - seenAtMs >= SILENT_MS,
  );
  silent.sort(([, one], [, other]) => one.seenAtMs - other.seenAtMs);
  const oldest = silent[0];
  if (oldest) return oldest[0];
  throw new PlexlineError("OVERLOADED", {
    message: `The stream has ${producersMax} producers.`,
    fix: "Use the ids of producers again, with a new generation, or raise producersMax in the stream's definition.",
  });
}
