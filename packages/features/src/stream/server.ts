import type { TemplateParams } from "@plexline/protocol";
import type { Feature, OwnTopic } from "@plexline/server";
import { createStreamApi, type StreamApi } from "./api/api.ts";
import { resolveOptions, type StreamOptions } from "./options.ts";
import { createStreamRoom } from "./room.ts";
import { runFold } from "./run/fold.ts";

export type { StreamApi } from "./api/api.ts";
export {
  DEFAULT_STREAM_LIMITS,
  type FoldDefinition,
  type FoldEvent,
  type StreamAuthorizeRequest,
  type StreamLimits,
  type StreamOptions,
} from "./options.ts";
export { type RunState, runFold } from "./run/fold.ts";

/** Chunks wait for each other so long for each reader [ST29]: a round of writes then takes about a twentieth of the time. */
const COALESCE_MS_PER_READER = 0.2;

/** A stream as `createServer` takes it. Its name and template are literal, so that others can be told from it. */
export interface StreamFeature<Template extends string, State = unknown> extends Feature {
  readonly feature: "stream";
  readonly template: Template;
  /** What `app.stream(name, params)` returns. */
  readonly api: (topic: OwnTopic) => StreamApi;
  /** Only a type: what its fold makes. */
  readonly foldState?: State;
}

/** Options of a run: those of a stream, whose kind and fold are given. */
export type RunOptions<Template extends string = string> = Omit<
  StreamOptions<Template>,
  "kind" | "contentType" | "fold"
>;

/**
 * An append-only sequence of chunks that producers write, each chunk once, and any number of readers follow from any
 * position: see PROTOCOL.md of streams.
 *
 * @param template Addresses of the topics, e.g. `stream:{path}`.
 * @throws TypeError naming a mistake in the definition.
 * @example
 * const build = stream("build:{id}", {
 *   kind: "text",
 *   fold: { initial: () => 0, apply: (lines, { event }) => (event === "chunk" ? lines + 1 : lines) },
 *   authorize: ({ principal }) => (principal.kind === "service" ? "write" : "read"),
 * });
 */
export function stream<const Template extends string, State = unknown>(
  template: Template,
  options: StreamOptions<Template, State> = {},
): StreamFeature<Template, State> {
  const { authorize, ...definition } = options;
  const resolved = resolveOptions<State>(template, definition);
  return {
    feature: "stream",
    template,
    roles: resolved.roles,
    defaultRole: resolved.defaultRole,
    history: resolved.history,
    flushWindowMs: resolved.coalesceMs,
    flushWindowPerSubscriberMs: COALESCE_MS_PER_READER,
    ...(authorize === undefined
      ? {}
      : {
          // The router fills in every part of the template that it matched.
          authorize: (request) =>
            authorize({ ...request, params: request.params as TemplateParams<Template> }),
        }),
    api: createStreamApi,
    open: (topic) => createStreamRoom(topic, resolved),
  };
}

/**
 * What an agent or a workflow does: a stream of the events of RUN.md, with a fold that shows latecomers where it stands.
 *
 * @param template Addresses of the topics, e.g. `run:{id}`.
 * @throws TypeError naming a mistake in the definition.
 * @example
 * const job = run("job:{id}", { leaseMs: 10_000 });
 */
export function run<const Template extends string>(template: Template, options: RunOptions<Template> = {}) {
  return stream(template, { ...options, kind: "json", fold: runFold });
}
