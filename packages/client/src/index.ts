export { PlexlineError } from "@plexline/protocol";
export type { BackoffPolicy } from "./backoff.ts";
export { type Client, createClient } from "./client.ts";
export type { ClientEvents, WireEvent } from "./client-events.ts";
export type { ClientOptions } from "./options.ts";
export type { OutboxLimits, PublishOptions, SendOptions } from "./outbox.ts";
export type {
  ClientClock,
  ClientRandom,
  ClientTimer,
  WebSocketConstructor,
  WebSocketLike,
} from "./platform.ts";
export type { ConnectionStatus } from "./session.ts";
export type { TopicStatus } from "./subscription.ts";
export type { TokenFunction, TokenRequest } from "./token.ts";
export type { Topic, TopicEvents, TopicName } from "./topic.ts";
