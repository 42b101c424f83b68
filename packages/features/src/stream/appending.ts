import type { LoggedEvent, Sender } from "@plexline/server";
import { changeOf, type Deciding, infoOrNew, keepProducer, needInfo } from "./deciding.ts";
import { afterAppend, fence, isTold, producerEvent } from "./producers.ts";
import { type AppendInput, type AppendOutput, type ProducerSequence, STREAM_EVENT } from "./protocol.ts";
import { refuseAll } from "./requests.ts";
import type { Change, Description, StreamState, Verdict } from "./state.ts";

/** Accepts an append, or tells why not [ST1 to ST8]. */
export function decideAppend(
  state: StreamState,
  input: AppendInput,
  deciding: Deciding,
): Verdict<AppendOutput> {
  if (input.existing) needInfo(state);
  const refusal = refusalOf(state, input, deciding);
  if (refusal) return { answer: refusal };
  const { nowMs, sender, key } = deciding;
  const before = infoOrNew(state, deciding);
  const whose = input.producer && appendOf(state, before, input.producer, deciding);
  const end = input.close ? closing(state, whose?.info ?? before, input, deciding) : undefined;
  const chunks = input.values.map((payload) => ({
    event: STREAM_EVENT.chunk,
    payload,
    sender,
    ...(key === undefined ? {} : { key }),
  }));
  const change = changeOf(state, end?.info ?? whose?.info ?? before, nowMs, {
    events: [...(whose?.events ?? []), ...chunks, ...(end?.events ?? [])],
    ...(whose ? { producers: whose.producers } : {}),
    ...(end ? { requests: end.requests } : {}),
    ...(input.order === undefined ? {} : { order: input.order }),
  });
  const sequence = input.producer ? { sequence: input.producer.sequence } : {};
  return {
    change,
    output: (position) => ({
      accepted: true,
      position,
      ...sequence,
      ...(input.close ? { closed: true } : {}),
    }),
  };
}

/** Why an append is not carried out: the first reason of ST8, or that it has been; null if it is. */
function refusalOf(state: StreamState, input: AppendInput, deciding: Deciding): AppendOutput | null {
  const { options, head } = deciding;
  const closed = state.info?.closed;
  if (input.producer) {
    const verdict = fence(state.producers.get(input.producer.id), input.producer);
    switch (verdict.fence) {
      case "fenced":
        return { accepted: false, reason: "fenced", generation: verdict.generation };
      case "repeated": {
        const { sequence } = verdict;
        return {
          accepted: true,
          position: head,
          repeated: true,
          sequence,
          ...(closed ? { closed: true } : {}),
        };
      }
      case "gap":
        return {
          accepted: false,
          reason: "gap",
          expected: verdict.expected,
          ...(verdict.isNewGeneration ? { isNewGeneration: true } : {}),
        };
    }
  }
  if (closed) return { accepted: false, reason: "closed", position: head };
  const contentType = state.info?.contentType ?? options.contentType;
  if (input.contentType !== undefined && mediaType(input.contentType) !== mediaType(contentType))
    return { accepted: false, reason: "type", contentType };
  const { order } = state;
  if (input.order !== undefined && order !== null && input.order <= order)
    return { accepted: false, reason: "order", last: order };
  return null;
}

/** What an append changes of its producer. */
function appendOf(state: StreamState, info: Description, whose: ProducerSequence, deciding: Deciding) {
  const known = state.producers.get(whose.id);
  const next = afterAppend(known, whose, deciding.nowMs, deciding.options.leaseMs);
  const events = isTold(known, next) ? [producerEvent(whose.id, next, deciding.sender)] : [];
  return { ...keepProducer(state, info, whose.id, next, deciding), events };
}

/** What the end of a stream changes [ST12, ST23]. */
function closing(
  { requests }: StreamState,
  info: Description,
  { final }: AppendInput,
  { nowMs, sender }: Deciding,
): { info: Description; requests: NonNullable<Change["requests"]>; events: LoggedEvent[] } {
  const payload = final === undefined ? {} : { final };
  const refused = refuseAll(requests, sender);
  return {
    info: { ...info, closed: { atMs: nowMs, ...payload } },
    requests: refused.requests,
    events: [...refused.events, closeEvent(payload, sender)],
  };
}

function closeEvent(payload: { readonly final?: unknown }, sender: Sender): LoggedEvent {
  return { event: STREAM_EVENT.close, payload, sender };
}

/** A media type without parameters and case. */
function mediaType(contentType: string): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}
