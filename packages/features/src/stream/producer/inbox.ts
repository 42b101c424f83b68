import { PlexlineError } from "@plexline/protocol";
import {
  type PendingRequest,
  type RequestKind,
  type RequestOutcome,
  STREAM_COMMAND,
  STREAM_EVENT,
  type StreamRequest,
} from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";
import { RequestRefused } from "./fenced.ts";

/** What a reader asks, as a handler is given it. */
export interface ProducerRequest extends StreamRequest {
  /** Principal that asks. */
  readonly user?: string;
}

/**
 * Does what a reader asks. What it returns is told as `done`, with that as data; a throw as `failed`, a RequestRefused as
 * `refused`.
 */
export type RequestHandler = (request: ProducerRequest) => unknown;

const RETRY_MS = 1_000;

export interface InboxOptions {
  readonly transport: StreamTransport;
  /** Asks for all pending requests. */
  pending(): Promise<readonly PendingRequest[]>;
  /** An answer to an input request; false if nobody here has asked. */
  onAnswer(request: ProducerRequest): boolean;
  onEnd(error: PlexlineError): void;
}

/**
 * The requests of readers on their way to the handlers of a producer: those that were kept before it came, and later ones,
 * each once (ST20 to ST23). What nobody handles stays pending.
 */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #handlers = new Map<RequestKind | "any", RequestHandler>();
  /** Without a handler so far. */
  readonly #waiting = new Map<string, ProducerRequest>();
  /** Being handled, or handled and not yet seen to be over in the log. */
  readonly #taken = new Set<string>();
  #unfollow: (() => void) | null = null;
  #isStopped = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  on(kind: RequestKind | "any", handler: RequestHandler): void {
    this.#handlers.set(kind, handler);
    this.open();
    this.look();
  }

  /** Follows the log for requests, if it does not yet. */
  open(): void {
    if (this.#unfollow !== null || this.#isStopped) return;
    this.#unfollow = this.#options.transport.follow(
      {},
      {
        onStart: () => this.#load(),
        onEvent: ({ event, payload, user }) => {
          if (event === STREAM_EVENT.request)
            this.take([{ ...(payload as StreamRequest), ...(user === undefined ? {} : { user }) }]);
          else if (event === STREAM_EVENT.outcome) this.#forget((payload as RequestOutcome).request);
        },
        onGap: () => this.#load(),
        onEnd: (error) => {
          this.#unfollow = null;
          if (!this.#isStopped) this.#options.onEnd(error);
        },
      },
    );
  }

  /** Takes requests, each once. */
  take(requests: readonly ProducerRequest[]): void {
    for (const request of requests) if (!this.#taken.has(request.id)) this.#waiting.set(request.id, request);
    this.look();
  }

  /** Hands on what somebody can take now. */
  look(): void {
    if (this.#isStopped) return;
    for (const request of [...this.#waiting.values()]) {
      if (request.kind === "respond" && this.#options.onAnswer(request)) {
        this.#begin(request);
        void this.#tell({ request: request.id, status: "done" });
        continue;
      }
      const handler = this.#handlers.get(request.kind) ?? this.#handlers.get("any");
      if (handler === undefined) continue;
      this.#begin(request);
      void this.#handle(request, handler);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#unfollow?.();
    this.#unfollow = null;
  }

  #begin(request: ProducerRequest): void {
    this.#waiting.delete(request.id);
    this.#taken.add(request.id);
  }

  #forget(id: string): void {
    this.#waiting.delete(id);
    this.#taken.delete(id);
  }

  /** What is pending now, for what was asked before the log is followed, or in a gap of it. */
  #load(): void {
    this.#options.pending().then(
      (requests) => this.take(requests),
      (reason: unknown) => this.#later(PlexlineError.from(reason), () => this.#load()),
    );
  }

  async #handle(request: ProducerRequest, handler: RequestHandler): Promise<void> {
    const { id } = request;
    try {
      const data = await handler(request);
      await this.#tell({ request: id, status: "done", ...(data === undefined ? {} : { data }) });
    } catch (reason) {
      await this.#tell(failureOf(id, reason));
    }
  }

  /** Tells an outcome until the server has it; the first one counts, so that telling it twice does no harm. */
  async #tell(outcome: RequestOutcome): Promise<void> {
    try {
      await this.#options.transport.call(STREAM_COMMAND.outcome, outcome);
    } catch (reason) {
      this.#later(PlexlineError.from(reason), () => void this.#tell(outcome));
    }
  }

  #later(error: PlexlineError, again: () => void): void {
    if (this.#isStopped || error.retry === "never") return;
    this.#options.transport.clock.setTimer(() => this.#isStopped || again(), error.retryAfterMs ?? RETRY_MS);
  }
}

function failureOf(request: string, reason: unknown): RequestOutcome {
  if (reason instanceof RequestRefused) {
    return { request, status: "refused", ...(reason.data === undefined ? {} : { data: reason.data }) };
  }
  return {
    request,
    status: "failed",
    data: { message: reason instanceof Error ? reason.message : String(reason) },
  };
}
