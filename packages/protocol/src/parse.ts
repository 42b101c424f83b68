import { PlexlineError } from "./error.ts";
import {
  type FieldReader,
  optional,
  readArray,
  readBoolean,
  readErrorBody,
  readFields,
  readInteger,
  readObject,
  readPresent,
  readRecord,
  readString,
  readText,
  readToken,
  readWord,
} from "./field.ts";
import {
  CLIENT_NAME_LENGTH_MAX,
  IDEMPOTENCY_KEY_LENGTH_MAX,
  NAME_LENGTH_MAX,
  RESUME_TOKEN_LENGTH_MAX,
} from "./limits.ts";
import type * as message from "./message.ts";
import type { ClientMessage, ServerMessage } from "./message.ts";
import type { Position } from "./position.ts";
import { parseTopic } from "./topic.ts";

/** For each type of message a reader that gives exactly that message. */
type MessageReaders<M extends { readonly type: string }> = {
  readonly [T in M["type"]]: FieldReader<Extract<M, { readonly type: T }>>;
};

const readName = readText(NAME_LENGTH_MAX);
const readKey = readText(IDEMPOTENCY_KEY_LENGTH_MAX);

/** `since` and `position`. */
export const readPosition: FieldReader<Position> = readFields<Position>({
  epoch: readName,
  offset: readInteger,
});

/** `since` of a subscribe. */
const readSince: FieldReader<Position | "start"> = (value, path) =>
  typeof value === "string" ? readWord("start")(value, path) : readPosition(value, path);

const readPing = readFields<message.PingMessage>({}, "ping");
const readPong = readFields<message.PongMessage>({}, "pong");

const CLIENT_MESSAGES: MessageReaders<ClientMessage> = {
  hello: readFields<message.HelloMessage>(
    {
      token: optional(readToken),
      resume: optional(readText(RESUME_TOKEN_LENGTH_MAX)),
      client: optional(readText(CLIENT_NAME_LENGTH_MAX)),
    },
    "hello",
  ),
  refresh: readFields<message.RefreshMessage>({ ref: readInteger, token: readToken }, "refresh"),
  subscribe: readFields<message.SubscribeMessage>(
    { ref: readInteger, topic: parseTopic, since: optional(readSince), input: optional(readPresent) },
    "subscribe",
  ),
  unsubscribe: readFields<message.UnsubscribeMessage>({ ref: readInteger, topic: parseTopic }, "unsubscribe"),
  publish: readFields<message.PublishMessage>(
    {
      ref: optional(readInteger),
      topic: parseTopic,
      event: readName,
      payload: optional(readPresent),
      key: optional(readKey),
    },
    "publish",
  ),
  call: readFields<message.CallMessage>(
    {
      ref: readInteger,
      topic: parseTopic,
      command: readName,
      input: optional(readPresent),
      key: optional(readKey),
    },
    "call",
  ),
  presence: readFields<message.SetPresenceMessage>({ topic: parseTopic, state: readPresent }, "presence"),
  ping: readPing,
  pong: readPong,
};

type Reply<Ok> = Extract<message.ReplyMessage, { readonly ok: Ok }>;
const readTrue: FieldReader<true> = (value, path) => readBoolean(value, path) as true;
const readFalse: FieldReader<false> = (value, path) => readBoolean(value, path) as false;
const readReplyOk = readFields<Reply<true>>(
  { ref: readInteger, ok: readTrue, result: optional(readPresent) },
  "reply",
);
const readReplyError = readFields<Reply<false>>(
  { ref: readInteger, ok: readFalse, error: readErrorBody },
  "reply",
);

/** Members of a topic's presence, in messages and snapshots. */
export const readMembers: FieldReader<readonly message.PresenceMember[]> = readArray(
  readFields<message.PresenceMember>({ id: readString, user: readString, state: readPresent }),
);

const SERVER_MESSAGES: MessageReaders<ServerMessage> = {
  welcome: readFields<message.WelcomeMessage>(
    {
      sessionId: readString,
      resumed: readBoolean,
      resumeToken: readText(RESUME_TOKEN_LENGTH_MAX),
      resumeWindowMs: readInteger,
      user: readString,
      tenant: readString,
      heartbeatIntervalMs: readInteger,
      heartbeatDeadlineMs: readInteger,
      expiresAtMs: optional(readInteger),
      limits: readFields<message.WelcomeMessage["limits"]>({
        messageBytesMax: readInteger,
        subscriptionsMax: readInteger,
        messagesPerSecondMax: readInteger,
      }),
      topics: readRecord(readFields<message.TopicDescription>({ feature: readString, template: readString })),
    },
    "welcome",
  ),
  reply: (value, path) => (readObject(value, path).ok === true ? readReplyOk : readReplyError)(value, path),
  push: readFields<message.PushMessage>(
    {
      topic: parseTopic,
      event: readName,
      payload: optional(readPresent),
      offset: optional(readInteger),
      from: optional(readString),
      user: optional(readString),
      atMs: optional(readInteger),
      key: optional(readKey),
    },
    "push",
  ),
  "presence-state": readFields<message.PresenceStateMessage>(
    { topic: parseTopic, members: readMembers },
    "presence-state",
  ),
  "presence-diff": readFields<message.PresenceDiffMessage>(
    { topic: parseTopic, joins: readMembers, updates: readMembers, leaves: readArray(readString) },
    "presence-diff",
  ),
  committed: readFields<message.CommittedMessage>(
    { alias: readInteger, offset: readInteger, acked: optional(readInteger) },
    "committed",
  ),
  gap: readFields<message.GapMessage>(
    { topic: parseTopic, position: readPosition, reason: readWord("trimmed", "reset") },
    "gap",
  ),
  unsubscribed: readFields<message.UnsubscribedMessage>(
    { topic: parseTopic, error: readErrorBody },
    "unsubscribed",
  ),
  "token-expiring": readFields<message.TokenExpiringMessage>({ expiresAtMs: readInteger }, "token-expiring"),
  goaway: readFields<message.GoawayMessage>({ reconnectAfterMs: readInteger }, "goaway"),
  error: readFields<message.ErrorMessage>({ error: readErrorBody, topic: optional(parseTopic) }, "error"),
  ping: readPing,
  pong: readPong,
};

/** Every type that a client sends. */
export const CLIENT_MESSAGE_TYPES = Object.keys(CLIENT_MESSAGES) as readonly ClientMessage["type"][];
/** Every type that a server sends. */
export const SERVER_MESSAGE_TYPES = Object.keys(SERVER_MESSAGES) as readonly ServerMessage["type"][];

/**
 * Takes a client's message from untrusted input; fields that it does not know are left out. Throws
 * MALFORMED_MESSAGE or TOPIC_INVALID naming the field, UNKNOWN_MESSAGE for a type that no client sends.
 */
export function parseClientMessage(value: unknown): ClientMessage {
  return readMessage<ClientMessage>(CLIENT_MESSAGES, value);
}

/** Takes a server's message from untrusted input, as `parseClientMessage` does. */
export function parseServerMessage(value: unknown): ServerMessage {
  return readMessage<ServerMessage>(SERVER_MESSAGES, value);
}

/** The ref of a message that `parseClientMessage` refused, so that the refusal can be its reply. */
export function refOf(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("ref" in value)) return undefined;
  return Number.isSafeInteger(value.ref) && (value.ref as number) >= 0 ? (value.ref as number) : undefined;
}

function readMessage<M extends { readonly type: string }>(readers: MessageReaders<M>, value: unknown): M {
  const { type } = readObject(value, "The message") as { type?: unknown };
  if (typeof type !== "string") {
    throw new PlexlineError("MALFORMED_MESSAGE", {
      message: "The message must have a type, which is a string.",
    });
  }
  if (!Object.hasOwn(readers, type)) throw new PlexlineError("UNKNOWN_MESSAGE");
  return readers[type as M["type"]](value, type);
}
