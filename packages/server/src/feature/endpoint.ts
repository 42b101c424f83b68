import type {
  BinaryMessage,
  CallResult,
  PlexlineError,
  Position,
  PublishResult,
  ServerMessage,
  SubscribeResult,
} from "@plexline/protocol";
import type { Operation } from "../auth/operation.ts";
import type { Principal } from "../auth/principal.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import type { Logger } from "../telemetry/log.ts";
import type { OutboxPolicy } from "./feature.ts";

/**
 * An endpoint owns a path and speaks its own messages there. The engine has authenticated whoever connects, and owns
 * limits, outbox, heartbeat, expiry, revocation, drain and metrics: a session here is the same as any other, with a foreign codec.
 *
 * @example
 * const echo: Endpoint = {
 *   path: "/echo/:name",
 *   onMessage(ws, message) {
 *     ws.send(`${ws.request.params.name}: ${message}`);
 *   },
 * };
 */
export interface Endpoint {
  /** Path with `:name` parts and an optional final `*`. */
  readonly path: string;
  /** Chooses among endpoints of one path; the first that matches, in the order of registration, gets the connection. */
  match?(request: UpgradeRequest): boolean;
  /** Name of a query parameter that may carry the token. Default: none may. */
  readonly tokenParameter?: string;
  /**
   * How the engine closes a connection for an error, in the dialect's own code and words; null for the server's: the code of
   * the error and its message. Not asked when the endpoint itself closes.
   */
  closeFor?(error: PlexlineError): { readonly code: number; readonly reason: string } | null;
  /**
   * When it is known who connects. `upgrade` (default): by the credentials of the request, before `onConnect`. `in-band`: the
   * dialect's own messages bring the token, so that `onConnect` and `onMessage` come first and the session is nobody's until
   * `authenticate` has resolved, which has to be within the handshake's time.
   */
  readonly authentication?: "upgrade" | "in-band";
  /**
   * Subprotocols that it speaks. The first one offered that is among them is selected; browsers fail a connection whose
   * offer is answered with none. Default: none is ever selected. A token may come as a further offer, `bearer.<token>`.
   */
  readonly subprotocols?: readonly string[];
  /** Largest message, in bytes, where it differs from the server's. */
  readonly messageBytesMax?: number;
  /**
   * What becomes of messages beyond the connection's rate: `refuse` (default) tells `onLimited` and drops them; `wait` takes
   * them, and does not read the connection until there is room again.
   */
  readonly overRate?: "refuse" | "wait";
  /**
   * Sent when nothing else has been sent for `afterMs` milliseconds, for clients that watch for messages because their
   * platform hides ping frames from them.
   */
  readonly keepAlive?: { readonly afterMs: number; readonly message: string | Uint8Array };
  /** Somebody connected. May be async: their messages wait, bounded, until it settles. A throw closes with 1011. */
  onConnect?(ws: EndpointSession, request: UpgradeRequest): void | Promise<void>;
  onMessage?(ws: EndpointSession, message: string | Uint8Array): void | Promise<void>;
  /** The session's token ends soon, after four fifths of its life: a dialect that can asks for another one. */
  onTokenExpiring?(ws: EndpointSession): void;
  /** A message came faster than the connection may send, with `overRate: "refuse"`: it is dropped. Default: nothing is told. */
  onLimited?(ws: EndpointSession, error: PlexlineError): void;
  /** What its log line of a connect says besides the user, the tenant and the path. */
  logFields?(request: UpgradeRequest, principal: Principal): Readonly<Record<string, unknown>>;
  onClose?(ws: EndpointSession, code: number, reason: string): void;
  /** A callback above threw, or the socket failed. The connection closes with 1011 afterwards if a callback threw. */
  onError?(ws: EndpointSession, error: Error): void;
  /** Serves plain HTTP on the path. */
  onRequest?(request: Request, context: RequestContext): Response | Promise<Response>;
}

/** What an endpoint's HTTP side is given. */
export interface RequestContext {
  readonly params: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  /** Authenticates the request as a connection would be. Rejects with a PlexlineError. */
  authenticate(): Promise<Principal>;
  /**
   * Opens a session for this request, with the rights and limits of a connection but without a socket: what is sent to it
   * goes nowhere. Rejects with a PlexlineError. Whoever opens one closes it; `onClose` hears why the engine has ended it
   * earlier: the token's end, a revocation, a stop.
   */
  open(options?: { readonly onClose?: (error: PlexlineError) => void }): Promise<EndpointSession>;
  /**
   * Lists the topics whose address starts with `prefix` and that the caller may subscribe to, in the order of their addresses
   * (by UTF-8 bytes), after the topic `after`. Only topics with a resource record are known to it. A page has at most `limit`
   * topics, default 100, most 1,000, and may have fewer although more follow: `next` says where. Rejects with a PlexlineError.
   */
  topics(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<TopicPage>;
  /**
   * Ends the history of a topic's log, with its snapshot, and begins another one: in a new epoch, at offset 0. Subscribers on
   * every node are told by `gap` with reason `reset`. The topic's record stays, and so does what its feature has stored beside
   * the log. For the topic's owner, for services and administrators, as far as they may publish; others are FORBIDDEN.
   */
  reset(topic: string): Promise<Position>;
}

/** A topic that somebody may subscribe to. */
export interface ListedTopic {
  readonly topic: string;
  readonly tenant: string;
  /** User who owns it; null for those of the application itself. */
  readonly owner: string | null;
  /** What the caller may do with it. */
  readonly operations: readonly Operation[];
  /** The last durable entry of its log; null for a topic whose log is not on disk. */
  readonly position: Position | null;
}

/** Some of the topics that somebody may subscribe to. */
export interface TopicPage {
  readonly topics: readonly ListedTopic[];
  /** The `after` of the page that follows; null after the last one. */
  readonly next: string | null;
}

/** A session as an endpoint sees it. */
export interface EndpointSession {
  /** `ws_<ms>_<random>`; its log lines have it as `connectionId`. */
  readonly id: string;
  /** Throws while nobody is authenticated. */
  readonly principal: Principal;
  readonly log: Logger;
  readonly request: UpgradeRequest;
  /** A place for the endpoint's own state of this connection. */
  readonly data: Record<string, unknown>;
  /**
   * Authenticates by a token of the dialect's own messages, or without one by what the request showed; later calls renew the
   * session's authority. Rejects with a PlexlineError: of the token, CONNECTIONS_MAX, or FORBIDDEN where another one's token
   * would take the session over. The connection stays open.
   */
  authenticate(token?: string): Promise<Principal>;
  /** Sends through the bounded outbox; the default policy closes a connection that does not read. */
  send(message: string | Uint8Array, outbox?: OutboxPolicy): void;
  close(code: number, reason: string): void;
  /**
   * From now on sends this when nothing else has been sent for `afterMs` milliseconds, in place of the endpoint's own
   * `keepAlive`: for a wire on which it depends on the client what it takes.
   */
  keepAlive(message: string | Uint8Array, afterMs: number): void;
  /** Subscribes this session to a topic; `translate` turns what happens there into a foreign message, or null for none. */
  subscribe(
    topic: string,
    options: {
      since?: Position | "start";
      input?: unknown;
      translate(message: ServerMessage | BinaryMessage): string | Uint8Array | null;
    },
  ): Promise<SubscribeResult>;
  unsubscribe(topic: string): void;
  publish(topic: string, event: string, payload: unknown, options?: { key?: string }): Promise<PublishResult>;
  call(topic: string, command: string, input: unknown, options?: { key?: string }): Promise<CallResult>;
  /**
   * Sends a binary message to a subscribed topic's feature. Resolves when the room has taken it, which for what is logged
   * does not mean durable: the `committed` messages that `translate` gets tell that.
   */
  sendBinary(topic: string, kind: number, payload: Uint8Array): Promise<void>;
  /** Sets this session's presence on a subscribed topic. */
  setPresence(topic: string, state: unknown): Promise<void>;
}
