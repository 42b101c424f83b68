import { isErrorCode, PlexlineError } from "@plexline/protocol";
import type { StreamClock } from "../transport.ts";

/** How the endpoint of streams is reached. */
export interface HttpLineOptions {
  /** Where the endpoint is, e.g. `https://example.org/api/streams`. */
  readonly url: string | URL;
  /** The bearer token, or what gives one: asked at first, and again when the server takes the last one no more. */
  readonly token?: string | (() => string | Promise<string>);
  /** How long an answer may take to begin, in milliseconds. Default 15,000. */
  readonly requestTimeoutMs?: number;
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
}

interface Asked {
  readonly method: "GET" | "POST";
  readonly body?: string;
  /** Aborts the request, and its body. */
  readonly signal?: AbortSignal;
}

const REQUEST_TIMEOUT_MS = 15_000;
const BUSY: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Requests about one stream, with the token that is good now. All that goes wrong is told as a PlexlineError. */
export class HttpLine {
  readonly #base: string;
  readonly #options: HttpLineOptions;
  readonly #clock: StreamClock;
  readonly #fetch: typeof fetch;
  #asking: Promise<string> | null = null;
  /** The last token that was used. */
  #given: string | null = null;

  constructor(topic: string, options: HttpLineOptions, clock: StreamClock) {
    this.#base = `${String(options.url).replace(/\/+$/, "")}/${encodeURIComponent(topic)}`;
    this.#options = options;
    this.#clock = clock;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
  }

  /** Resolves with the answer of the status 200 once it begins. `path` follows the topic. */
  async request(path: string, asked: Asked): Promise<Response> {
    const token = await this.#currentToken();
    const response = await this.#send(path, asked, token);
    if (response.ok) return response;
    const error = await errorOf(response);
    if (error.retry !== "new-token") throw error;
    if (typeof this.#options.token !== "function") throw refused(error);
    // Several requests may have been refused for one token: the first of them asks for another.
    if (this.#given === token) this.#asking = null;
    const again = await this.#send(path, asked, await this.#currentToken());
    if (again.ok) return again;
    const second = await errorOf(again);
    throw second.retry === "new-token" ? refused(second) : second;
  }

  async #currentToken(): Promise<string> {
    const { token = "" } = this.#options;
    if (typeof token === "string") return token;
    this.#asking ??= Promise.resolve().then(token);
    const asking = this.#asking;
    try {
      this.#given = await asking;
      return this.#given;
    } catch (cause) {
      if (this.#asking === asking) this.#asking = null;
      throw new PlexlineError("DISCONNECTED", { message: "The token function gave no token.", cause });
    }
  }

  async #send(path: string, { method, body, signal }: Asked, token: string): Promise<Response> {
    const abort = new AbortController();
    const stop = () => abort.abort();
    let isLate = false;
    const timer = this.#clock.setTimer(() => {
      isLate = true;
      stop();
    }, this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS);
    // It stays: what aborts the request also aborts the body of its answer.
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
    try {
      return await this.#fetch(this.#base + path, {
        method,
        headers: {
          ...(token === "" ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(body === undefined ? {} : { body }),
        signal: abort.signal,
        cache: "no-store",
      });
    } catch (cause) {
      throw new PlexlineError(isLate ? "TIMEOUT" : "DISCONNECTED", { cause });
    } finally {
      timer.cancel();
    }
  }
}

/** The error that an answer tells; of one that is not the endpoint's own, by its status. */
async function errorOf(response: Response): Promise<PlexlineError> {
  const body: unknown = await response.json().catch(() => null);
  const told = (body as { readonly error?: unknown } | null)?.error as
    | { readonly code?: unknown; readonly message?: unknown; readonly fix?: unknown }
    | undefined;
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const text = {
    ...(typeof told?.message === "string" ? { message: told.message } : {}),
    ...(typeof told?.fix === "string" ? { fix: told.fix } : {}),
    ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1_000 } : {}),
  };
  if (typeof told?.code === "string")
    return new PlexlineError(isErrorCode(told.code) ? told.code : "INTERNAL", text);
  const message = `Something on the way to the server has answered ${response.status}.`;
  if (BUSY.has(response.status)) return new PlexlineError("OVERLOADED", { message, ...text });
  return new PlexlineError("PATH_UNKNOWN", {
    message,
    fix: "Give the URL under which the server serves its streams, /api/streams by default.",
  });
}

/** To go on with the same token is of no use. */
function refused(error: PlexlineError): PlexlineError {
  return new PlexlineError("FORBIDDEN", {
    message: `The server does not take the token: ${error.message}`,
    fix: "Give a token function that returns a fresh token each time.",
    cause: error,
  });
}
