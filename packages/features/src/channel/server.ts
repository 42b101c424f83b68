import type { TemplateParams } from "@plexline/protocol";
import type { Feature } from "@plexline/server";
import { type ChannelOptions, type InferredChannelTypes, resolveOptions } from "./options.ts";
import type { ChannelTypes } from "./protocol.ts";
import { createChannelRoom } from "./room.ts";
import type { Schema, SchemaMap } from "./schema.ts";

export type { ChannelAuthorizeRequest, ChannelOptions, InferredChannelTypes } from "./options.ts";
export type {
  ChannelInput,
  ChannelSnapshot,
  ChannelState,
  ChannelTypes,
} from "./protocol.ts";

/** A channel as `createServer` takes it. Template and types are literal, so that the client's handle is typed by them. */
export interface ChannelFeature<Template extends string, Types extends ChannelTypes> extends Feature {
  readonly feature: "channel";
  readonly template: Template;
  /** For the compiler alone; never there at run time. */
  readonly types?: Types;
}

/**
 * Typed rooms: events, ephemeral events, presence, a last state for latecomers, and a history to recover from.
 *
 * @param template Addresses of the topics, e.g. `board:{id}`.
 * @throws TypeError naming a mistake in the definition.
 * @example
 * const board = channel("board:{id}", {
 *   events: { moved: z.object({ shape: z.string(), x: z.number() }) },
 *   ephemeral: { typing: z.boolean() },
 *   presence: z.object({ name: z.string() }),
 *   history: { entriesMax: 500 },
 * });
 */
export function channel<
  const Template extends string,
  Events extends SchemaMap = SchemaMap,
  Ephemeral extends SchemaMap = Readonly<Record<never, Schema>>,
  Presence extends Schema | true | undefined = undefined,
  State extends Schema | true | undefined = undefined,
>(
  template: Template,
  options: ChannelOptions<Template, Events, Ephemeral, Presence, State> = {},
): ChannelFeature<Template, InferredChannelTypes<Events, Ephemeral, Presence, State>> {
  const { authorize, history, flushWindowMs, ...definition } = options;
  const resolved = resolveOptions(template, { ...definition, ...(history === undefined ? {} : { history }) });
  return {
    feature: "channel",
    template,
    roles: resolved.roles,
    defaultRole: resolved.defaultRole,
    ...(history === undefined ? {} : { history }),
    ...(flushWindowMs === undefined ? {} : { flushWindowMs }),
    ...(authorize === undefined
      ? {}
      : {
          // The router fills in every part of the template that it matched.
          authorize: (request) =>
            authorize({ ...request, params: request.params as TemplateParams<Template> }),
        }),
    open: (topic) => createChannelRoom(topic, resolved),
  };
}
