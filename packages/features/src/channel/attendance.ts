import type { PresenceMember } from "@plexline/protocol";
import type { OutboxPolicy, TopicContext } from "@plexline/server";
import { createTracker, type TrackerOptions } from "./tracker.ts";

/**
 * A lost diff would leave a ghost, and a diff cannot be replaced by a later one. So a connection with no room for it is
 * closed as a slow consumer: it resumes, and starts again from a complete list. Diffs are small and rare beside
 * events, which are dropped first.
 */
const DIFF_OUTBOX: OutboxPolicy = { policy: "close" };

/** The presence of one room: a tracker with one timer that tells subscribers what changed. */
export interface Attendance {
  set(id: string, user: string, state: unknown): void;
  remove(id: string): void;
  detach(id: string): void;
  attach(id: string): void;
  members(): PresenceMember[];
  /** Stops the timer; nothing is told any more. */
  close(): void;
}

/** Starts the presence of a room, with nobody in it. */
export function createAttendance(topic: TopicContext, flushMs: number, options: TrackerOptions): Attendance {
  const tracker = createTracker(options);
  const { clock } = topic;
  let closed = false;
  let wake: { readonly atMs: number; readonly timer: { cancel(): void } } | undefined;
  /** When what has changed will be told. */
  let flushAtMs: number | undefined;

  const onWake = (): void => {
    wake = undefined;
    const nowMs = clock.monotonicMs();
    tracker.expire(nowMs);
    if (flushAtMs !== undefined && flushAtMs <= nowMs) {
      flushAtMs = undefined;
      const diff = tracker.takeDiff();
      if (diff) topic.relay({ type: "presence-diff", topic: topic.topic, ...diff }, { outbox: DIFF_OUTBOX });
    }
    schedule();
  };
  /** Sets the one timer to whatever comes first: the flush, or the end of somebody's grace. */
  const schedule = (): void => {
    if (closed) return;
    if (tracker.changed) flushAtMs ??= clock.monotonicMs() + flushMs;
    const atMs = Math.min(
      flushAtMs ?? Number.POSITIVE_INFINITY,
      tracker.nextExpiryMs ?? Number.POSITIVE_INFINITY,
    );
    if (wake?.atMs === atMs) return;
    wake?.timer.cancel();
    wake = undefined;
    if (atMs === Number.POSITIVE_INFINITY) return;
    wake = { atMs, timer: clock.setTimer(onWake, Math.max(0, atMs - clock.monotonicMs())) };
  };
  const thenSchedule =
    <Args extends readonly unknown[]>(change: (...args: Args) => void) =>
    (...args: Args): void => {
      change(...args);
      schedule();
    };

  return {
    set: thenSchedule(tracker.set),
    remove: thenSchedule(tracker.remove),
    detach: thenSchedule((id: string) => tracker.detach(id, clock.monotonicMs())),
    attach: thenSchedule(tracker.attach),
    members: tracker.members,
    close() {
      closed = true;
      wake?.timer.cancel();
      wake = undefined;
    },
  };
}
