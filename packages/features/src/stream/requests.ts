import { PlexlineError } from "@plexline/protocol";
import type { LoggedEvent, Sender } from "@plexline/server";
import { changeOf, type Deciding, needInfo } from "./deciding.ts";
import {
  type InputRequest,
  type PendingRequest,
  type PlacedOutput,
  type RequestOutcome,
  type RequestOutput,
  STREAM_EVENT,
  type StreamRequest,
} from "./protocol.ts";
import {
  NO_REQUESTS,
  openAsks,
  type Placed,
  type Requests,
  type StreamState,
  type Verdict,
} from "./state.ts";

/** Requests with outcome, and answered asks, that are remembered, so that a repeated one is known for one. */
const REMEMBERED_MAX = 128;

/** Logs what a reader asks of the producer; it stays pending until its outcome [ST20, ST21, ST24 to ST26]. */
export function decideRequest(
  state: StreamState,
  request: StreamRequest,
  deciding: Deciding,
): Verdict<RequestOutput> {
  const { nowMs, sender, head, options } = deciding;
  const { id } = request;
  const info = needInfo(state);
  const { requests } = state;
  const earlier = find(requests.pending, id) ?? find(requests.settled, id);
  if (earlier)
    return { answer: { id, position: { epoch: head.epoch, offset: earlier.offset }, repeated: true } };
  if (request.ask !== undefined && (info.closed || !find(openAsks(requests, nowMs), request.ask)))
    throw new PlexlineError("INPUT_CLOSED");
  if (info.closed) throw new PlexlineError("STREAM_CLOSED");
  assertRoom(requests.pending, options.limits.requestsMax, "pending requests");
  // The offset is put in inside the commit.
  const pending = { ...request, offset: 0, user: sender.principal.id };
  const next: Requests = {
    ...(request.ask === undefined ? requests : answered(requests, request.ask)),
    pending: [...requests.pending, pending],
  };
  return {
    change: changeOf(state, info, nowMs, {
      events: [{ event: STREAM_EVENT.request, payload: request, sender }],
      requests: next,
      place: (offset) => {
        pending.offset = offset;
      },
    }),
    output: (position) => ({ id, position }),
  };
}

/** Logs what became of a request: the first outcome counts [ST23]. */
export function decideOutcome(
  state: StreamState,
  outcome: RequestOutcome,
  { nowMs, sender, head }: Deciding,
): Verdict<PlacedOutput> {
  const info = needInfo(state);
  const { requests } = state;
  const pending = find(requests.pending, outcome.request);
  if (!pending) {
    if (find(requests.settled, outcome.request)) return { answer: { position: head, repeated: true } };
    throw new PlexlineError("PAYLOAD_INVALID", { message: "request names no request of this stream." });
  }
  return {
    change: changeOf(state, info, nowMs, {
      events: [{ event: STREAM_EVENT.outcome, payload: outcome, sender }],
      requests: settled(requests, [pending]),
    }),
    output: (position) => ({ position }),
  };
}

/** Opens an input request [ST24]. */
export function decideAsk(
  state: StreamState,
  ask: InputRequest,
  { nowMs, sender, head, options }: Deciding,
): Verdict<PlacedOutput> {
  const info = needInfo(state);
  const { requests } = state;
  const earlier = find(requests.asks, ask.id) ?? find(requests.answered, ask.id);
  if (earlier) return { answer: { position: { epoch: head.epoch, offset: earlier.offset }, repeated: true } };
  if (info.closed) throw new PlexlineError("STREAM_CLOSED");
  const open = openAsks(requests, nowMs);
  assertRoom(open, options.limits.requestsMax, "open asks");
  const opened = { ...ask, offset: 0 };
  return {
    change: changeOf(state, info, nowMs, {
      events: [{ event: STREAM_EVENT.ask, payload: ask, sender }],
      requests: { ...requests, asks: [...open, opened] },
      place: (offset) => {
        opened.offset = offset;
      },
    }),
    output: (position) => ({ position }),
  };
}

/** What a stream that closes does with its requests: pending ones are refused, asks are closed [ST23, ST24]. */
export function refuseAll(
  requests: Requests,
  sender: Sender,
): { readonly requests: Requests; readonly events: readonly LoggedEvent[] } {
  const events = requests.pending.map(({ id }) => {
    const payload: RequestOutcome = { request: id, status: "refused" };
    return { event: STREAM_EVENT.outcome, payload, sender };
  });
  if (requests === NO_REQUESTS) return { requests, events };
  return { requests: { ...settled(requests, requests.pending), asks: [] }, events };
}

/** The requests after some of the pending ones had their outcome. */
function settled(requests: Requests, those: readonly PendingRequest[]): Requests {
  return {
    ...requests,
    pending: requests.pending.filter((request) => !those.includes(request)),
    settled: remember(requests.settled, those),
  };
}

/** The requests after an ask was answered. */
function answered(requests: Requests, ask: string): Requests {
  return {
    ...requests,
    asks: requests.asks.filter(({ id }) => id !== ask),
    answered: remember(
      requests.answered,
      requests.asks.filter(({ id }) => id === ask),
    ),
  };
}

/** By reference to what is placed: its offset may be known only later. */
function remember(known: readonly Placed[], more: readonly Placed[]): readonly Placed[] {
  const placed = more.map((each) => ({
    id: each.id,
    get offset() {
      return each.offset;
    },
  }));
  return [...known, ...placed].slice(-REMEMBERED_MAX);
}

function find<Item extends { readonly id: string }>(items: readonly Item[], id: string): Item | undefined {
  return items.find((item) => item.id === id);
}

function assertRoom(items: readonly unknown[], max: number, what: string): void {
  if (items.length < max) return;
  throw new PlexlineError("OVERLOADED", {
    message: `The stream has ${max} ${what}.`,
    fix: "Wait for outcomes, or raise requestsMax in the stream's definition.",
  });
}
