import type { PublishResult, PushMessage } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { RoomMessage, Sender, TopicContext } from "@plexline/server";
import type { LastState } from "./last-state.ts";
import type { ResolvedOptions } from "./options.ts";
import { STATE_EVENT } from "./protocol.ts";
import { type Schema, validate } from "./schema.ts";

type Publish = Extract<RoomMessage, { type: "publish" }>;

/** Known names that an error lists. */
const NAMES_LISTED_MAX = 10;

/** Accepts one event of a channel: as last state, as an entry of the log, or as an ephemeral push. */
export async function publishEvent(
  topic: TopicContext,
  options: ResolvedOptions,
  lastState: LastState,
  sender: Sender,
  message: Publish,
): Promise<PublishResult> {
  const { event, key } = message;
  if (event === STATE_EVENT && options.state !== undefined) {
    const schema = options.state === true ? undefined : options.state;
    const payload = await validate(schema, message.payload, "state");
    if (topic.signal.aborted) throw roomClosed();
    await lastState.set(sender, payload, key);
    return { position: null };
  }
  const { schema, family, subject } = findEvent(options, event);
  const payload = await validate(schema, message.payload, subject);
  if (topic.signal.aborted) throw roomClosed();
  if (family === "logged") {
    const logged = { event, payload, sender, ...(key === undefined ? {} : { key }) };
    return { position: await topic.append(logged) };
  }
  topic.relay(ephemeralPush(topic, sender, event, payload, key), { outbox: { policy: "drop-oldest" } });
  return { position: null };
}

/** The error of whatever reaches a room that has closed. */
export function roomClosed(): PlexlineError {
  return new PlexlineError("SHUTTING_DOWN", {
    message: "The topic was closed on this node; nothing was done.",
  });
}

interface FoundEvent {
  readonly schema: Schema | undefined;
  readonly family: "logged" | "ephemeral";
  readonly subject: string;
}

function findEvent(options: ResolvedOptions, event: string): FoundEvent {
  const { events, ephemeral, isLogged } = options;
  if (Object.hasOwn(ephemeral, event)) {
    return { schema: ephemeral[event], family: "ephemeral", subject: `ephemeral.${event}` };
  }
  const isKnown = events === undefined ? !event.startsWith("$") : Object.hasOwn(events, event);
  if (!isKnown) throw unknownEvent(options, event);
  return { schema: events?.[event], family: isLogged ? "logged" : "ephemeral", subject: `events.${event}` };
}

function unknownEvent({ events, ephemeral, state }: ResolvedOptions, event: string): PlexlineError {
  const name = event.slice(0, 64);
  if (event === STATE_EVENT && state === undefined) {
    return new PlexlineError("EVENT_UNKNOWN", {
      message: "The topic keeps no last state.",
      fix: "Give the channel's definition a state schema.",
    });
  }
  const known = [...Object.keys(events ?? {}), ...Object.keys(ephemeral)];
  const listed = known.slice(0, NAMES_LISTED_MAX).join(", ");
  const more = known.length > NAMES_LISTED_MAX ? `, and ${known.length - NAMES_LISTED_MAX} more` : "";
  const hint =
    events === undefined ? "Names that start with $ are reserved." : `It has: ${listed || "none"}${more}.`;
  return new PlexlineError("EVENT_UNKNOWN", { message: `The topic has no event "${name}". ${hint}` });
}

function ephemeralPush(
  topic: TopicContext,
  sender: Sender,
  event: string,
  payload: unknown,
  key: string | undefined,
): PushMessage {
  return {
    type: "push",
    topic: topic.topic,
    event,
    ...(payload === undefined ? {} : { payload }),
    ...(sender.sessionId === null ? {} : { from: sender.sessionId }),
    user: sender.principal.id,
    atMs: topic.clock.nowMs(),
    ...(key === undefined ? {} : { key }),
  };
}
