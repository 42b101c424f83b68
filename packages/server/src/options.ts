import type { Authenticator } from "./auth/authenticator.ts";
import type { ResourceMode } from "./auth/policy.ts";
import type { Broker } from "./broker/broker.ts";
import type { Endpoint } from "./feature/endpoint.ts";
import type { Feature } from "./feature/feature.ts";
import type { Clock } from "./platform/clock.ts";
import type { Limits } from "./platform/limits.ts";
import type { Random } from "./platform/random.ts";
import type { Storage } from "./storage/storage.ts";
import type { Logger } from "./telemetry/log.ts";
import type { TransportLimits } from "./transport/limits.ts";
import type { TrustProxy } from "./transport/remote-address.ts";

/** What `createServer` is told. Only `topics` and `auth` have no default. */
export interface ServerOptions<Topics extends Readonly<Record<string, Feature>>> {
  /** The topics of this server, by the names clients use for them. */
  readonly topics: Topics;
  /** Who somebody is: `jwt(…)`, `cookieSession(…)`, `authenticateWith(…)` or `noAuth()`. */
  readonly auth: Authenticator;
  /** Paths with messages of their own. */
  readonly endpoints?: readonly Endpoint[];
  /** Where logs live. Default: the embedded store in `./.plexline`. What is given is not closed by `close()`. */
  readonly storage?: Storage;
  /** Directory of the embedded store, when `storage` is not given. */
  readonly directory?: string;
  /** How nodes hear each other. Default: this node is alone. */
  readonly broker?: Broker;
  /** Topics without a resource record: `strict` refuses them (default), `auto` creates a record owned by the caller. */
  readonly resources?: ResourceMode;
  /** Origins whose pages may connect, besides the server's own. Also the CORS list. */
  readonly allowedOrigins?: readonly string[];
  /** Names the server answers to, besides `localhost` and IP addresses. */
  readonly allowedHosts?: readonly string[];
  /** Opens the admin API under `/api/admin` to whoever has this token. Default: closed. */
  readonly adminToken?: string;
  /** Name of the cookie that may carry a token. Default `plexline_token`. */
  readonly cookie?: string;
  /** Path of the native protocol. Default `/ws`. */
  readonly path?: string;
  /** Limits that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  /** Limits of the transport that differ from the defaults. */
  readonly transportLimits?: Partial<TransportLimits>;
  /** Whether `X-Forwarded-For` is believed: true, or the number of proxies in front. Default false. */
  readonly trustProxy?: TrustProxy;
  /** Negotiates permessage-deflate for messages from 1 KiB. Default false. */
  readonly compression?: boolean;
  /** Default: nothing is logged; the CLI logs with pino. */
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}
