import { NAME_LENGTH_MAX, type TemplateParams } from "@plexline/protocol";
import type { Decision, HistoryOptions, Operation, Principal } from "@plexline/server";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { ChannelTypes } from "./protocol.ts";
import type { Schema, SchemaMap } from "./schema.ts";

/** What a channel's own `authorize` is asked. */
export interface ChannelAuthorizeRequest<Template extends string> {
  readonly principal: Principal;
  readonly topic: string;
  readonly params: TemplateParams<Template>;
}

/** The definition of a channel. Everything is optional: `channel("room:{id}")` relays any event to everybody. */
export interface ChannelOptions<
  Template extends string = string,
  Events extends SchemaMap = SchemaMap,
  Ephemeral extends SchemaMap = SchemaMap,
  Presence extends Schema | true | undefined = Schema | true | undefined,
  State extends Schema | true | undefined = Schema | true | undefined,
> {
  /** Events that may be published, with their schemas. Absent: any name with any payload. Logged if there is history. */
  readonly events?: Events;
  /** Events that are never logged, even with history: typing, cursors. */
  readonly ephemeral?: Ephemeral;
  /** Schema of a member's presence; `true` for any JSON. Absent: no presence. */
  readonly presence?: Presence;
  /** Schema of the last state that latecomers get; `true` for any JSON. Absent: none is kept. */
  readonly state?: State;
  /** Keep a log of events, which subscribers recover from. Absent: every event is ephemeral. */
  readonly history?: HistoryOptions;
  /** Shortest time between two batches to the subscribers, in milliseconds: for very busy rooms. Default 0. */
  readonly flushWindowMs?: number;
  /** The application's own decision about one principal and topic: a role, `false`, or `undefined` for the policy's. */
  readonly authorize?: (request: ChannelAuthorizeRequest<Template>) => Decision | Promise<Decision>;
  /** What each role may do. Default: `controller` everything, `viewer` subscribe and presence. */
  readonly roles?: Readonly<Record<string, readonly Operation[]>>;
  /** Role of those for whom nothing names one. Default `controller`, or `viewer` when `roles` are given. */
  readonly defaultRole?: string;
  /** How long a member stays after their socket was lost, in milliseconds. Default 5,000. */
  readonly presenceLeaveAfterMs?: number;
  /** How long presence changes are gathered before subscribers are told, in milliseconds. Default 50. */
  readonly presenceFlushMs?: number;
  /** One member's presence as JSON, in bytes. Default 4,096. */
  readonly presenceStateBytesMax?: number;
  /** Members of the presence of one topic on one node. Default 1,000. */
  readonly membersMax?: number;
}

/** What schemas make of payloads, by event name. */
type Outputs<Schemas extends SchemaMap> = {
  readonly [Name in keyof Schemas]: StandardSchemaV1.InferOutput<Schemas[Name]>;
};

/** What one schema makes of a value; `true` stands for any JSON. */
type Output<S> = S extends Schema ? StandardSchemaV1.InferOutput<S> : S extends true ? unknown : undefined;

/** The types of a channel, inferred from its definition. */
export interface InferredChannelTypes<Events extends SchemaMap, Ephemeral extends SchemaMap, Presence, State>
  extends ChannelTypes {
  readonly events: Outputs<Events>;
  readonly ephemeral: Outputs<Ephemeral>;
  readonly presence: Output<Presence>;
  readonly state: Output<State>;
}

const DEFAULT_ROLES = {
  controller: ["subscribe", "publish", "call", "presence"],
  viewer: ["subscribe", "presence"],
} as const satisfies Record<string, readonly Operation[]>;

/** A definition with its defaults filled in, without its types. */
export type ResolvedOptions = ReturnType<typeof resolveOptions>;

/** Fills in the defaults; throws a TypeError that names a mistake in the definition. */
export function resolveOptions(template: string, options: ChannelOptions) {
  const { events, ephemeral = {}, roles = DEFAULT_ROLES } = options;
  const defaultRole = options.defaultRole ?? (options.roles ? "viewer" : "controller");
  if (!Object.hasOwn(roles, defaultRole)) {
    throw new TypeError(
      `channel("${template}"): roles has no "${defaultRole}"; name one of them in defaultRole.`,
    );
  }
  for (const name of [...Object.keys(events ?? {}), ...Object.keys(ephemeral)]) {
    if (name === "" || name.length > NAME_LENGTH_MAX || name.startsWith("$")) {
      throw new TypeError(
        `channel("${template}"): an event's name has 1 to ${NAME_LENGTH_MAX} characters and does not start with $: "${name}".`,
      );
    }
    if (events && Object.hasOwn(events, name) && Object.hasOwn(ephemeral, name)) {
      throw new TypeError(`channel("${template}"): "${name}" is in events and in ephemeral; keep one.`);
    }
  }
  return {
    events,
    ephemeral,
    presence: options.presence,
    state: options.state,
    isLogged: options.history !== undefined,
    roles: roles as Readonly<Record<string, readonly Operation[]>>,
    defaultRole,
    presenceFlushMs: options.presenceFlushMs ?? 50,
    tracker: {
      leaveAfterMs: options.presenceLeaveAfterMs ?? 5_000,
      stateBytesMax: options.presenceStateBytesMax ?? 4_096,
      membersMax: options.membersMax ?? 1_000,
    },
  };
}
