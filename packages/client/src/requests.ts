import { type ClientMessage, PlexlineError, type ReplyMessage } from "@plexline/protocol";
import type { ClientClock, ClientTimer } from "./platform.ts";
import { errorFromWire } from "./wire-error.ts";

/** How a request ended. */
export type Outcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly error: PlexlineError };

/** A message that is answered by a `reply`, before it has its ref. */
export type Request = ClientMessage extends infer Message
  ? Message extends { readonly ref?: number }
    ? Omit<Message, "ref">
    : never
  : never;

interface Waiting {
  readonly done: (outcome: Outcome) => void;
  readonly timer: ClientTimer;
}

/**
 * Requests of one connection that wait for their reply. Outcomes are told by callback and at once, because what
 * follows a reply on the wire (the pushes of a recovered topic) must find it already applied.
 */
export class Requests {
  readonly #clock: ClientClock;
  readonly #timeoutMs: number;
  readonly #send: (message: ClientMessage) => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastRef = 0;

  constructor(clock: ClientClock, timeoutMs: number, send: (message: ClientMessage) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#send = send;
  }

  /** Sends a request; no reply within `timeoutMs` is a TIMEOUT. */
  send(request: Request, done: (outcome: Outcome) => void, timeoutMs = this.#timeoutMs): void {
    const ref = ++this.#lastRef;
    const onTimeout = (): void => {
      this.#waiting.delete(ref);
      done({ ok: false, error: new PlexlineError("TIMEOUT") });
    };
    this.#waiting.set(ref, { done, timer: this.#clock.setTimer(onTimeout, timeoutMs) });
    this.#send({ ...request, ref } as ClientMessage);
  }

  /** Applies a `reply`; one that nobody waits for any more is ignored. */
  settle(reply: ReplyMessage): void {
    const waiting = this.#waiting.get(reply.ref);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.ref);
    waiting.timer.cancel();
    waiting.done(
      reply.ok ? { ok: true, result: reply.result } : { ok: false, error: errorFromWire(reply.error) },
    );
  }

  /** The connection is gone: forgets all requests. Those who made them learn it from the connection, in order. */
  clear(): void {
    for (const waiting of this.#waiting.values()) waiting.timer.cancel();
    this.#waiting.clear();
  }
}
