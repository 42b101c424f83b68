import type { BackoffPolicy } from "./backoff.ts";
import type { OutboxLimits } from "./outbox.ts";
import type { ClientClock, ClientRandom, WebSocketConstructor } from "./platform.ts";
import type { TokenFunction } from "./token.ts";

/** How `createClient` is told what to do. Only `url` is needed. */
export interface ClientOptions {
  /** Address of the server. A path such as `/ws` belongs to the page's own host; `http(s)` becomes `ws(s)`. */
  readonly url: string | URL;
  /** Gives the user's token; asked before each connection and when the present token ends. Without it none is sent. */
  readonly token?: TokenFunction;
  /** The WebSocket class. Default: the platform's. Node 20 has none: pass that of the package `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** Default: the machine's clock. */
  readonly clock?: ClientClock;
  /** Default: the machine's randomness. */
  readonly random?: ClientRandom;
  /** Bounds of what waits for the connection or for its reply. */
  readonly queue?: Partial<OutboxLimits>;
  /** How long a reply may take on an open connection, in milliseconds. Default 10,000. */
  readonly requestTimeoutMs?: number;
  /** How reconnects spread out. */
  readonly reconnect?: Partial<BackoffPolicy>;
  /** Connect by itself, right after `createClient`. Default true; else `connect()` starts it. */
  readonly autoConnect?: boolean;
  /** What the server's log calls this client. Default `plexline-js/0.1.0`. */
  readonly name?: string;
}
