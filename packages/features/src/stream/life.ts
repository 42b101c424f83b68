import { PlexlineError } from "@plexline/protocol";
import { changeOf, type Deciding, infoOrNew, needInfo } from "./deciding.ts";
import { isGone } from "./lifetime.ts";
import {
  type CreateInput,
  type CreateOutput,
  type DescribeInput,
  STREAM_EVENT,
  type StreamInfo,
} from "./protocol.ts";
import { applyChange, infoOf, type StreamState, type Verdict } from "./state.ts";

/** Makes a stream that is absent [ST10, ST11]. */
export function decideCreate(
  state: StreamState,
  input: CreateInput & { readonly values: readonly unknown[] },
  deciding: Deciding,
): Verdict<CreateOutput> {
  const { sender, nowMs, head } = deciding;
  if (state.info) return { answer: { created: false, info: infoOf(state, head, nowMs) as StreamInfo } };
  const made = infoOrNew(state, deciding, input);
  const info = input.close ? { ...made, closed: { atMs: nowMs } } : made;
  const events = [
    ...input.values.map((payload) => ({ event: STREAM_EVENT.chunk, payload, sender })),
    ...(input.close ? [{ event: STREAM_EVENT.close, payload: {}, sender }] : []),
  ];
  const change = changeOf(state, info, nowMs, { events });
  const next = applyChange(state, change);
  return {
    change,
    output: (position) => ({ created: true, info: infoOf(next, position, nowMs) as StreamInfo }),
  };
}

/** Replaces the application's own description. */
export function decideDescribe(
  state: StreamState,
  { metadata, expected }: DescribeInput,
  { nowMs }: Deciding,
): Verdict<StreamInfo> {
  // Both have been read from JSON, and what is stored keeps the order of its keys.
  if (expected && JSON.stringify(needInfo(state).metadata ?? {}) !== JSON.stringify(expected))
    throw new PlexlineError("RESYNC", {
      message: "The metadata is another one than expected.",
      fix: "Read the info, and decide anew.",
    });
  const change = changeOf(state, { ...needInfo(state), metadata }, nowMs, { events: [] });
  const next = applyChange(state, change);
  return { change, output: (position) => infoOf(next, position, nowMs) as StreamInfo };
}

/** Removes a stream with all that belongs to it [ST14]. */
export function decideDelete(state: StreamState): Verdict<Record<string, never>> {
  needInfo(state);
  return { change: { events: [], ends: true }, output: () => ({}) };
}

/** Removes a stream whose time is over; `usedAtMs` is when this node saw it used last [ST13]. */
export function decideExpire(state: StreamState, usedAtMs: number, nowMs: number): Verdict<boolean> {
  const { info } = state;
  if (!info || !isGone(info, Math.max(usedAtMs, state.usedAtMs), nowMs)) return { answer: false };
  return { change: { events: [], ends: true }, output: () => true };
}

/** Writes when a stream was used last, if that is later than what is written. */
export function decideUse(state: StreamState, usedAtMs: number): Verdict<boolean> {
  if (state.info?.ttlMs === undefined || usedAtMs <= state.usedAtMs) return { answer: false };
  return { change: { events: [], usedAtMs }, output: () => true };
}
