import { PlexlineError } from "@plexline/protocol";

/** Why a token is asked for. */
export interface TokenRequest {
  /**
   * `connect`: a connection is about to open. `expiring`: the present token ends soon. `expired`, `rejected`: the
   * server closed the connection for that reason, so a cached token is of no use.
   */
  readonly reason: "connect" | "expiring" | "expired" | "rejected";
  /** 1 for the first try, rising until a connection succeeds. */
  readonly attempt: number;
}

/** Gives the token of this user; null when there is none now. */
export type TokenFunction = (request: TokenRequest) => string | null | Promise<string | null>;

type Done = (error: PlexlineError | null, token?: string) => void;

/**
 * Asks the application for tokens, one question at a time: who asks while one is open gets its answer. A token that
 * is given at once is used at once.
 */
export class TokenSource {
  readonly #ask: TokenFunction | undefined;
  #waiting: Done[] | null = null;

  constructor(ask: TokenFunction | undefined) {
    this.#ask = ask;
  }

  /** Calls `done` with a token, with none if there is no token function, or with TOKEN_MISSING. */
  get(request: TokenRequest, done: Done): void {
    if (this.#ask === undefined) {
      done(null);
      return;
    }
    if (this.#waiting !== null) return void this.#waiting.push(done);
    const waiting: Done[] = [done];
    this.#waiting = waiting;
    try {
      const answer = this.#ask(request);
      if (answer === null || typeof answer === "string") {
        this.#settle(waiting, answer);
        return;
      }
      answer.then(
        (token) => this.#settle(waiting, token),
        (reason: unknown) => this.#settle(waiting, null, reason),
      );
    } catch (reason) {
      this.#settle(waiting, null, reason);
    }
  }

  /** Stops waiting for the open question: it took too long, or nobody needs the answer. */
  abandon(): void {
    this.#waiting = null;
  }

  #settle(waiting: Done[], token: string | null, cause?: unknown): void {
    if (this.#waiting !== waiting) return;
    this.#waiting = null;
    const given = typeof token === "string" && token !== "";
    for (const done of waiting) {
      if (given) done(null, token);
      else done(tokenMissing(cause));
    }
  }
}

function tokenMissing(cause: unknown): PlexlineError {
  const message = `The token function gave no token${cause === undefined ? "" : `: ${String(cause)}`}.`;
  return new PlexlineError("TOKEN_MISSING", { message, cause });
}
