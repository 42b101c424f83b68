import type { Socket } from "./socket.ts";

/** Why a socket is not read for a while, each a bit of its own. */
const REASONS = {
  /** It is not known yet who speaks, and who it is decides how much may be sent. */
  authentication: 1,
  /** Too many of its requests are unanswered. */
  requests: 2,
  /** Its messages come too fast. */
  rate: 4,
} as const;

export type PauseReason = keyof typeof REASONS;

/**
 * Stops and starts the reading of one socket, for several reasons at a time: it goes on once none is left. What the
 * socket had read by then may still be delivered.
 */
export class Reading {
  readonly #socket: Socket;
  readonly #onResume: () => void;
  #reasons = 0;

  /** `onResume` is called right before the socket is read again. */
  constructor(socket: Socket, onResume: () => void) {
    this.#socket = socket;
    this.#onResume = onResume;
  }

  isPausedFor(reason: PauseReason): boolean {
    return (this.#reasons & REASONS[reason]) !== 0;
  }

  pause(reason: PauseReason): void {
    const wasReading = this.#reasons === 0;
    this.#reasons |= REASONS[reason];
    if (wasReading) this.#socket.pause();
  }

  resume(reason: PauseReason): void {
    if (!this.isPausedFor(reason)) return;
    this.#reasons &= ~REASONS[reason];
    if (this.#reasons !== 0) return;
    this.#onResume();
    this.#socket.resume();
  }
}
