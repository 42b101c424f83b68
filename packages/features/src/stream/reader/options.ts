import type { ClientRandom, WebSocketConstructor } from "@plexline/client";
import type { BufferLimits } from "../client/chunks.ts";
import type { RunTransport, TransportPolicy } from "../policy/transport-policy.ts";
import type { EventSourceConstructor } from "./event-source-wire.ts";

/** What a reader needs of a clock. */
export interface ReaderClock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  setTimer(callback: () => void, delayMs: number): { cancel(): void };
}

/** Gives a token or a ticket; asked before each connection. `rejected`: the last one was refused. */
export type CredentialSource =
  | string
  | ((request: {
      readonly reason: "connect" | "rejected";
      readonly attempt: number;
    }) => string | null | Promise<string | null>);

/** How a run is read. */
export interface RunReaderOptions {
  /** The server, e.g. `https://example.com`; in a page default the page's own. */
  readonly url?: string | URL;
  /** The run. */
  readonly sessionId: string;
  /** Shown in a header, or on a WebSocket as a subprotocol. Default: none, cookies are. */
  readonly token?: CredentialSource;
  /** Shown in the URL, for a browser's EventSource, which can send no header. */
  readonly ticket?: CredentialSource;
  /** After which event to begin; default: with the run's snapshot. */
  readonly cursor?: string;
  /** Default: what the server says, which is asked first. */
  readonly policy?: TransportPolicy;
  /** Id of the user, for the policy's share. Default: what the server says. */
  readonly user?: string;
  /** The transport that this user has asked for; it comes before `useWebSocket` and the share, after what the server allows. */
  readonly optIn?: RunTransport;
  /** The application's flag, e.g. `useWebSocketFlag()`: true for WebSocket, false for anything else. Default: the policy's share. */
  readonly useWebSocket?: boolean | undefined;
  /** Paths that differ from the server's defaults: `/api/ws`, `/api/stream`, `/api/stream/policy`. */
  readonly paths?: Partial<Record<"socket" | "stream" | "policy", string>>;
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch;
  /** Default: the platform's. Where there is none WebSocket is not used: Node 20 needs that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** Reads event streams by this in place of `fetch`. */
  readonly EventSource?: EventSourceConstructor;
  /** What waits for a slow iteration before nothing more is taken from the wire. */
  readonly buffer?: Partial<BufferLimits>;
  /** How long a transport may take until something has come, in milliseconds. Default 5,000. */
  readonly readyTimeoutMs?: number;
  /** Silence after which a transport is taken for dead, in milliseconds. Default 45,000: the server shows life every 15 s. */
  readonly silenceMs?: number;
  /** How long a transport rests that did not work, in milliseconds, at first; each further time twice as long. Default 60,000. */
  readonly restMs?: number;
  /** Within what time readers follow a change of policy, in milliseconds, so that not all come at once. Default 1,000. */
  readonly spreadMs?: number;
  readonly clock?: ReaderClock;
  readonly random?: ClientRandom;
}

export const systemClock: ReaderClock = {
  nowMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const systemRandom: ClientRandom = {
  next: () => Math.random(),
  id(bytes) {
    const random = crypto.getRandomValues(new Uint8Array(bytes));
    return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  },
};
