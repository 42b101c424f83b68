import type { TemplateParams } from "@plexline/protocol";
import type { Feature } from "@plexline/server";
import { resolveOptions, type StepsOptions } from "./options.ts";
import { createStepsRoom } from "./room.ts";

export {
  DEFAULT_STEPS_LIMITS,
  type StepsAuthorizeRequest,
  type StepsLimits,
  type StepsOptions,
} from "./options.ts";

/** A steps document as `createServer` takes it. Its name and template are literal, so that others can be told from it. */
export interface StepsFeature<Template extends string> extends Feature {
  readonly feature: "steps";
  readonly template: Template;
}

/**
 * ProseMirror documents for `prosemirror-collab`: the server orders the steps of all editors, keeps every one of them and
 * hands them on once they are on disk. It runs no ProseMirror itself.
 *
 * @param template Addresses of the topics, e.g. `steps:{id}`.
 * @throws TypeError naming a mistake in the definition.
 * @example
 * const article = steps("steps:{id}", {
 *   authorize: ({ principal, params }) => (principal.id === params.id ? "write" : "read"),
 * });
 */
export function steps<const Template extends string>(
  template: Template,
  options: StepsOptions<Template> = {},
): StepsFeature<Template> {
  const { authorize, ...definition } = options;
  const resolved = resolveOptions(template, definition);
  return {
    feature: "steps",
    template,
    roles: resolved.roles,
    defaultRole: resolved.defaultRole,
    history: resolved.history,
    ...(authorize === undefined
      ? {}
      : {
          // The router fills in every part of the template that it matched.
          authorize: (request) =>
            authorize({ ...request, params: request.params as TemplateParams<Template> }),
        }),
    open: (topic) => createStepsRoom(topic, resolved),
  };
}
