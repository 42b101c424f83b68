import { PlexlineError } from "@plexline/protocol";
import type { Leg } from "./leg.ts";
import type { ReaderClock } from "./options.ts";
import type { WireMessage } from "./wire.ts";

/** What the server has taken. */
export interface Taken {
  readonly id: string;
  /** Where the log is after it. */
  readonly cursor: string;
  /** The same had been sent before: it is one. */
  readonly repeated?: true;
}

interface Waiting {
  readonly id: string;
  readonly message: WireMessage;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: PlexlineError) => void;
  readonly deadline: { cancel(): void };
  /** Over which it was sent last. */
  sentOver: Leg | null;
}

/** What came of one message of a request. */
export type PostedResult = { readonly cursor: string; readonly repeated?: true } | PlexlineError;

export interface OutboundOptions {
  readonly clock: ReaderClock;
  /** The wire that is read now, where messages can be sent over it. */
  readonly leg: () => Leg | null;
  /** Sends messages by a request; resolves with what came of each, rejects with a PlexlineError. */
  readonly post: (messages: readonly WireMessage[]) => Promise<readonly PostedResult[]>;
  /** Whether nothing can be sent now; it is flushed again when that changes. */
  readonly isHeld: () => boolean;
}

/** Messages that wait for an answer at most. */
const WAITING_MAX = 256;
/** Messages of one request. */
const POSTED_MAX = 100;
const ANSWER_TIMEOUT_MS = 30_000;
const RETRY_MS = 500;

/**
 * What a client sends: over the WebSocket while one is read, else by HTTP, in the order of the calls. Each message has an id, so that
 * one that is sent again over another way, because its answer was lost, is taken once.
 */
export class Outbound {
  readonly #options: OutboundOptions;
  #waiting: Waiting[] = [];
  #isPosting = false;
  #retry: { cancel(): void } | null = null;
  #isClosed = false;

  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  send(id: string, message: WireMessage): Promise<Taken> {
    if (this.#isClosed) return Promise.reject(new PlexlineError("CLIENT_CLOSED"));
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(new PlexlineError("QUEUE_FULL"));
    return new Promise((resolve, reject) => {
      const deadline = this.#options.clock.setTimer(() => {
        this.#settle(id, new PlexlineError("TIMEOUT"));
      }, ANSWER_TIMEOUT_MS);
      this.#waiting.push({ id, message, resolve, reject, deadline, sentOver: null });
      this.flush();
    });
  }

  /** Sends what has not been sent over the present way. */
  flush(): void {
    const { leg, isHeld } = this.#options;
    if (this.#isClosed || isHeld()) return;
    const socket = leg();
    if (socket === null) return void this.#post();
    for (const waiting of this.#waiting) {
      if (waiting.sentOver === socket) continue;
      waiting.sentOver = socket;
      socket.send(waiting.message);
    }
  }

  /** The server has answered a message. */
  answered(id: string, result: PostedResult): void {
    this.#settle(id, result);
  }

  /** All that waits ends with this. */
  close(error: PlexlineError): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    for (const { id } of [...this.#waiting]) this.#settle(id, error);
  }

  #post(): void {
    if (this.#isPosting || this.#waiting.length === 0) return;
    const batch = this.#waiting.slice(0, POSTED_MAX);
    this.#isPosting = true;
    this.#options
      .post(batch.map(({ message }) => message))
      .then(
        (results) => {
          // What comes after one that was refused was not looked at: it is sent again.
          for (const [index, result] of results.entries())
            if (batch[index]) this.#settle(batch[index].id, result);
        },
        (reason: unknown) => {
          const error = PlexlineError.from(reason);
          if (error.retry === "later") return this.#postLater();
          for (const { id } of batch) this.#settle(id, error);
        },
      )
      .finally(() => {
        this.#isPosting = false;
        if (this.#retry === null) this.flush();
      });
  }

  #postLater(): void {
    this.#retry?.cancel();
    this.#retry = this.#options.clock.setTimer(() => {
      this.#retry = null;
      this.flush();
    }, RETRY_MS);
  }

  #settle(id: string, result: PostedResult): void {
    const index = this.#waiting.findIndex((waiting) => waiting.id === id);
    const waiting = this.#waiting[index];
    if (waiting === undefined) return;
    this.#waiting.splice(index, 1);
    waiting.deadline.cancel();
    if (result instanceof PlexlineError) waiting.reject(result);
    else waiting.resolve({ id, ...result });
  }
}
