import type { Clock, Timer } from "@plexline/server";

/** Least time between two requests to one member. */
export const MEMBER_INTERVAL_MS = 250;
/** Least time between two requests to every writer. */
const ALL_INTERVAL_MS = 1_000;
const BACK_OFF_MIN_MS = 1_000;
const BACK_OFF_MAX_MS = 30_000;

/** Somebody who can be asked for what the document lacks. */
export interface Askable {
  /** When it was asked last, on the monotonic clock. */
  askedAtMs: number;
  /** When it is to be asked; infinite if it need not be. */
  dueMs: number;
  /** Least time after one request before the next: grows while its answers bring nothing. */
  pauseMs: number;
}

/** Somebody who has not been asked yet. */
export function createAskable(): Askable {
  return {
    askedAtMs: Number.NEGATIVE_INFINITY,
    dueMs: Number.POSITIVE_INFINITY,
    pauseMs: MEMBER_INTERVAL_MS,
  };
}

/** Decides who is asked, and when, for what a document lacks. */
export interface Repair<Asked extends Askable> {
  /** This member may have what is missing: it is asked, now or as soon as its pause allows. */
  ask(asked: Asked): void;
  /** Every writer may have what is missing: they are asked, `except` only if that has to wait for its time. */
  askAll(except?: Asked): void;
  /**
   * A member has answered.
   *
   * @param brought Whether the document has grown by it.
   * @param isComplete Whether nothing of it was left out.
   */
  onAnswer(asked: Asked, brought: boolean, isComplete: boolean): void;
  /** Something that was handed on is not in the log: every writer is asked until something can be written again. */
  onLost(): void;
  /** Something has been written. */
  onWritten(): void;
  /** Nobody is asked any more. */
  close(): void;
}

/**
 * Starts without anybody to be asked.
 *
 * @param writers Who may have what is missing.
 * @param request Sends one of them the document's state vector.
 */
export function createRepair<Asked extends Askable>(
  clock: Clock,
  writers: () => Iterable<Asked>,
  request: (asked: Asked) => void,
): Repair<Asked> {
  let closed = false;
  /** One timer for the next thing that is due. */
  let timer: Timer | undefined;
  let timerAtMs = Number.POSITIVE_INFINITY;
  let allAskedAtMs = Number.NEGATIVE_INFINITY;
  /** When every writer is to be asked; infinite if they need not be. */
  let allDueMs = Number.POSITIVE_INFINITY;
  let allPauseMs = ALL_INTERVAL_MS;
  /** Whether any answer has brought something since all were asked. */
  let hasBrought = true;
  /** Pause until the next round after a failure; 0 while writing works. */
  let backOffMs = 0;

  const askNow = (asked: Asked): void => {
    asked.askedAtMs = clock.monotonicMs();
    asked.dueMs = Number.POSITIVE_INFINITY;
    request(asked);
  };
  const askAllNow = (except?: Asked): void => {
    allAskedAtMs = clock.monotonicMs();
    allDueMs = Number.POSITIVE_INFINITY;
    for (const writer of writers()) if (writer !== except) askNow(writer);
  };
  /** Asks all because of a gap; if that does not help, the next time is later. */
  const beginRound = (except?: Asked): void => {
    const isRare = clock.monotonicMs() - allAskedAtMs > 2 * BACK_OFF_MAX_MS;
    allPauseMs = hasBrought || isRare ? ALL_INTERVAL_MS : Math.min(2 * allPauseMs, BACK_OFF_MAX_MS);
    hasBrought = false;
    askAllNow(except);
  };
  const wakeAt = (atMs: number): void => {
    if (atMs >= timerAtMs) return;
    timer?.cancel();
    timerAtMs = atMs;
    timer = clock.setTimer(onTimer, Math.max(0, atMs - clock.monotonicMs()));
  };
  const askAllAt = (atMs: number): void => {
    allDueMs = Math.min(allDueMs, atMs);
    wakeAt(allDueMs);
  };
  const onTimer = (): void => {
    timer = undefined;
    timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = clock.monotonicMs();
    if (allDueMs <= nowMs && backOffMs > 0) {
      askAllNow();
      backOffMs = Math.min(2 * backOffMs, BACK_OFF_MAX_MS);
      allDueMs = nowMs + backOffMs;
    } else if (allDueMs <= nowMs) {
      beginRound();
    }
    let nextMs = allDueMs;
    for (const writer of writers()) {
      if (writer.dueMs <= nowMs) askNow(writer);
      nextMs = Math.min(nextMs, writer.dueMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) wakeAt(nextMs);
  };

  return {
    ask(asked) {
      if (closed) return;
      const freeAtMs = asked.askedAtMs + asked.pauseMs;
      if (freeAtMs <= clock.monotonicMs()) {
        askNow(asked);
      } else if (freeAtMs < asked.dueMs) {
        asked.dueMs = freeAtMs;
        wakeAt(freeAtMs);
      }
    },
    askAll(except) {
      if (closed) return;
      const freeAtMs = allAskedAtMs + allPauseMs;
      if (freeAtMs > clock.monotonicMs()) askAllAt(freeAtMs);
      else beginRound(except);
    },
    onAnswer(asked, brought, isComplete) {
      hasBrought ||= brought;
      if (brought || isComplete) asked.pauseMs = MEMBER_INTERVAL_MS;
      else asked.pauseMs = Math.min(2 * asked.pauseMs, BACK_OFF_MAX_MS);
    },
    onLost() {
      if (closed || backOffMs > 0) return;
      backOffMs = BACK_OFF_MIN_MS;
      askAllAt(clock.monotonicMs() + backOffMs);
    },
    onWritten() {
      if (backOffMs === 0) return;
      backOffMs = 0;
      allDueMs = Number.POSITIVE_INFINITY;
      if (closed) return;
      // What was lost before the storage worked again may not have been asked for since.
      const freeAtMs = allAskedAtMs + ALL_INTERVAL_MS;
      if (freeAtMs <= clock.monotonicMs()) askAllNow();
      else askAllAt(freeAtMs);
    },
    close() {
      closed = true;
      timer?.cancel();
      timer = undefined;
    },
  };
}
