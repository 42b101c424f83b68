import type {
  CallResult,
  LogWindow,
  PlexlineError,
  Position,
  PublishResult,
  SubscribeResult,
} from "@plexline/protocol";
import type { Operation } from "../auth/operation.ts";
import type { Principal } from "../auth/principal.ts";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { LoggedPush, OutboxPolicy } from "./feature.ts";
import type { OwnTopic } from "./own-topic.ts";
import type { SharedTranslation, Translate } from "./shared-translation.ts";

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
  /** What metrics call its connections, where several endpoints share a path. Default: the path. */
  readonly name?: string;
  /** Chooses among endpoints of one path; the first that matches, in the order of registration, gets the connection. */
  match?(request: UpgradeRequest): boolean;
  /** Name of a query parameter that may carry the token. Default: none may. */
  readonly tokenParameter?: string;
  /**
   * Name of a query parameter that may carry a ticket of `RequestContext.ticket`, for clients that cannot send headers; not
   * the name of `tokenParameter`. What the endpoint sees of the request has it no more. Default: none may.
   */
  readonly ticketParameter?: string;
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
  /** A server that serves it starts: called before the first connection. What it throws fails the start. */
  start?(host: EndpointHost): void;
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

/** What an endpoint has of the server that serves it. */
export interface EndpointHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where it registers what it counts. */
  readonly metrics: Pick<Metrics, "counter" | "gauge" | "histogram">;
  /** A topic by its address as the server's own code uses it, for what the endpoint itself keeps. */
  topic(address: string): OwnTopic;
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
   * Opens a session whose messages are the body of the response: what is sent to it is appended as it is, text as UTF-8,
   * with the outbox, limits, keep-alive, expiry, revocation and drain of any connection. `close` ends the body when all that
   * was sent has been written, whatever its code; a body that cannot be written whole is cut instead, which HTTP tells the
   * client. The session ends when the client goes away. Rejects with a PlexlineError before anything is sent.
   *
   * @example
   * const { session, response } = await context.stream({ headers: { "Content-Type": "text/event-stream" } });
   * await session.subscribe("board:7", { translate: (message) => `data: ${JSON.stringify(message)}\n\n` });
   * return response;
   */
  stream(
    init: { readonly status?: number; readonly headers: Readonly<Record<string, string>> },
    options?: StreamOptions,
  ): Promise<{ readonly session: EndpointSession; readonly response: Response }>;
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
  /**
   * Gives the caller a ticket: what an endpoint with a `ticketParameter` takes in its URL in place of a token, for receiving
   * this one topic and for the commands of its readers, any number of times until it expires. Rejects with a PlexlineError:
   * FORBIDDEN where the caller may not subscribe, absent topics alike, or came by a ticket; PAYLOAD_INVALID for a `ttlMs`.
   * Answer it with `Cache-Control: no-store`.
   *
   * @example
   * return Response.json(await context.ticket({ topic }), { headers: { "Cache-Control": "no-store" } });
   */
  ticket(request: TicketRequest): Promise<TopicTicket>;
}

/** What a ticket is asked for. */
export interface TicketRequest {
  readonly topic: string;
  /** How long it is to live, in milliseconds: default 10 minutes, most 1 hour, and never longer than the caller's token. */
  readonly ttlMs?: number;
}

/** A ticket, to be sent to the caller alone. */
export interface TopicTicket {
  readonly ticket: string;
  /** In milliseconds since 1970. Sessions that came by it end then. */
  readonly expiresAtMs: number;
}

/** How a streamed response ends. */
export interface StreamOptions {
  /** The last of the body, before the engine ends it for an error; SHUTTING_DOWN when the server stops. */
  readonly closing?: (error: PlexlineError) => string | null;
  /** The session has ended: for an error of the engine, else null. Called once. */
  readonly onClose?: (error: PlexlineError | null) => void;
}

/** From where events are read, and how many. */
export interface ReadOptions {
  /** After this position; `start`: after the oldest that is dropped; `head`: none, only where the head is. */
  readonly since: Position | "start" | "head";
  /** Default and most: 1,000. */
  readonly entriesMax?: number;
  /** Bytes of the log; one entry may be longer. Default 256 KiB, most 1 MiB. */
  readonly bytesMax?: number;
}

/** Events of a log that were read once. */
export interface ReadResult {
  /** Oldest first. Binary entries are left out, so none does not mean the end: `position.offset` at `window.head` does. */
  readonly events: readonly LoggedPush[];
  /** Where the reader stands after them. */
  readonly position: Position;
  readonly window: LogWindow;
  /**
   * What was asked for is gone: dropped by retention, or of a log that has been replaced. The events are then those after the
   * oldest that is kept; of a position ahead of the head, which is a `reset` too, none.
   */
  readonly gap: "trimmed" | "reset" | null;
}

/** What of a subscription is for its session alone, beside a translation that many share. */
export interface OwnNotices {
  /**
   * Translates what only this session is told (a gap, an error, the subscription's end) in place of the shared translation.
   * After a gap nothing follows: unsubscribe, and subscribe from where to go on.
   */
  readonly translate: Translate;
  /** All logged events up to this offset have been handed to the connection. Must not throw. */
  readonly handed?: (offset: number) => void;
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
  /**
   * Subscribes this session to a topic; `translate` turns what happens there into a foreign message, or null for none. A
   * shared translation that throws ends the connections that it was given for with HANDLER_FAILED, so that none of them
   * misses anything unnoticed; one of its own ends this connection.
   */
  subscribe(
    topic: string,
    options: {
      since?: Position | "start";
      input?: unknown;
      translate: SharedTranslation | Translate;
      own?: OwnNotices;
    },
  ): Promise<SubscribeResult>;
  /**
   * Reads logged events of a topic that this session may subscribe to, once, without subscribing. Rejects with a
   * PlexlineError; OPERATION_UNSUPPORTED for a topic without a log.
   */
  read(topic: string, options: ReadOptions): Promise<ReadResult>;
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
