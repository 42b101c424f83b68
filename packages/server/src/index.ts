// Symbols for applications.

export type { AccessRules, AuthorizeRequest, Decision } from "./auth/access-rules.ts";
export { noAuth } from "./auth/anonymous.ts";
export { authenticateWith } from "./auth/authenticate-with.ts";
export type { Authenticator, Credentials, TokenSource } from "./auth/authenticator.ts";
export { cookieSession, SESSION_COOKIE } from "./auth/cookie-session.ts";
export { firstOf } from "./auth/first-of.ts";
export { type JwtOptions, jwt } from "./auth/jwt.ts";
export type { Operation } from "./auth/operation.ts";
export { DEFAULT_TENANT, type Principal, type Scope } from "./auth/principal.ts";
export type { ResourceRecord } from "./auth/record.ts";
export { adminPrincipal, servicePrincipal, staticTokens } from "./auth/static-token.ts";
// Symbols for plug-ins and for tests: features, endpoints, brokers, storages, other transports.
export type { Broker, Unsubscribe } from "./broker/broker.ts";
export { createMemoryBroker, createMemoryBus, type MemoryBus } from "./broker/memory.ts";
export type { OutboxPolicy } from "./broker/publication.ts";
export type {
  Endpoint,
  EndpointHost,
  EndpointSession,
  ListedTopic,
  OwnNotices,
  ReadOptions,
  ReadResult,
  RequestContext,
  StreamOptions,
  TicketRequest,
  TopicPage,
  TopicTicket,
} from "./feature/endpoint.ts";
export type {
  AppendAlso,
  Binary,
  BinaryEntry,
  BinaryPage,
  BroadcastOptions,
  EventPage,
  Feature,
  HistoryOptions,
  LoggedEvent,
  LoggedPush,
  Member,
  NewBinaryEntry,
  Room,
  RoomMessage,
  Sender,
  StoredValue,
  TopicContext,
} from "./feature/feature.ts";
export type { OwnObserver, OwnTopic } from "./feature/own-topic.ts";
export {
  createSharedTranslation,
  type SharedTranslation,
  type Translate,
} from "./feature/shared-translation.ts";
export type { ServerOptions } from "./options.ts";
export { type Clock, systemClock, type Timer } from "./platform/clock.ts";
export { DEFAULT_LIMITS, type Limits } from "./platform/limits.ts";
export { type Random, systemRandom } from "./platform/random.ts";
export type { UpgradeRequest } from "./platform/request.ts";
export { decodeBinaryEntry, isBinaryEntry } from "./router/binary-entry.ts";
export { type App, createServer } from "./server.ts";
export type { Socket, SocketHandlers } from "./session/socket.ts";
export { openEmbeddedStorage } from "./storage/embedded.ts";
export { createMemoryStorage, type MemoryStorage } from "./storage/memory.ts";
export { createMemoryDisk, type MemoryDisk } from "./storage/memory-disk.ts";
export * from "./storage/storage.ts";
export type { Logger } from "./telemetry/log.ts";
export { silentLogger } from "./telemetry/log.ts";
export { createLogger } from "./telemetry/pino.ts";
export type { Stats } from "./telemetry/stats.ts";
export type { Listening } from "./transport/http-server.ts";
