import { changeOf, type Deciding, infoOrNew, keepProducer, needInfo } from "./deciding.ts";
import { attachedGeneration, isTold, overdue, producerEvent } from "./producers.ts";
import type { AttachInput, AttachOutput, ProducerInput, RenewOutput } from "./protocol.ts";
import type { ProducerState, StreamState, Verdict } from "./state.ts";

/** Makes a generation the producer's, with a lease [ST16, ST22]. */
export function decideAttach(
  state: StreamState,
  { producer: id, generation: asked, leaseMs }: AttachInput,
  deciding: Deciding,
): Verdict<AttachOutput> {
  const { options, nowMs, sender } = deciding;
  const info = infoOrNew(state, deciding);
  const known = state.producers.get(id);
  const generation = attachedGeneration(known, asked);
  const next: ProducerState = {
    generation,
    sequence: known?.generation === generation ? known.sequence : -1,
    state: info.closed ? "detached" : "attached",
    leaseMs: leaseMs ?? options.leaseMs,
    seenAtMs: nowMs,
  };
  const { info: after, producers } = keepProducer(state, info, id, next, deciding);
  const events = !info.closed && isTold(known, next) ? [producerEvent(id, next, sender)] : [];
  return {
    change: changeOf(state, after, nowMs, { events, producers }),
    output: (position) => ({
      generation,
      sequence: next.sequence,
      position,
      requests: state.requests.pending,
    }),
  };
}

/** Renews the lease of the producer's present generation; one that was lost is attached again [ST17]. */
export function decideRenew(
  state: StreamState,
  { producer: id, generation }: ProducerInput,
  { nowMs, sender }: Deciding,
): Verdict<RenewOutput> {
  const info = needInfo(state);
  const known = state.producers.get(id);
  const output: RenewOutput = {
    generation: known?.generation ?? -1,
    requests: state.requests.pending,
  };
  if (!known || known.generation !== generation || known.state === "detached" || info.closed)
    return { answer: output };
  const next: ProducerState = { ...known, state: "attached", seenAtMs: nowMs };
  const events = isTold(known, next) ? [producerEvent(id, next, sender)] : [];
  return {
    change: changeOf(state, info, nowMs, { events, producers: new Map([[id, next]]) }),
    output: () => output,
  };
}

/** Ends the lease of the producer's present generation [ST18]. */
export function decideDetach(
  state: StreamState,
  { producer: id, generation }: ProducerInput,
  { nowMs, sender }: Deciding,
): Verdict<Record<string, never>> {
  const info = needInfo(state);
  const known = state.producers.get(id);
  if (!known || known.generation !== generation || known.state === "detached") return { answer: {} };
  const next: ProducerState = { ...known, state: "detached", seenAtMs: nowMs };
  const events = info.closed ? [] : [producerEvent(id, next, sender)];
  return {
    change: changeOf(state, info, nowMs, { events, producers: new Map([[id, next]]) }),
    output: () => ({}),
  };
}

/** Tells of the producers whose lease has run out [ST17]. */
export function decideLost(state: StreamState, nowMs: number): Verdict<number> {
  const lost = overdue(state, nowMs).map(([id, producer]): [string, ProducerState] => [
    id,
    { ...producer, state: "lost" },
  ]);
  if (lost.length === 0) return { answer: 0 };
  const events = lost.map(([id, producer]) => producerEvent(id, producer));
  return { change: { events, producers: new Map(lost) }, output: () => lost.length };
}
