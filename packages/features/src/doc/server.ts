import type { TemplateParams } from "@plexline/protocol";
import type { Feature, Operation } from "@plexline/server";
import { type DocOptions, resolveOptions } from "./options.ts";
import { DOC_KIND } from "./protocol.ts";
import { openDocRoom } from "./room.ts";

export { DEFAULT_DOC_LIMITS, type DocAuthorizeRequest, type DocLimits, type DocOptions } from "./options.ts";
export { createDocWorker, type DocWorkerHost, type DocWorkerOptions } from "./worker/worker-host.ts";

/** A document as `createServer` takes it. Its name and template are literal, so that the client can tell it from others. */
export interface DocFeature<Template extends string> extends Feature {
  readonly feature: "doc";
  readonly template: Template;
}

/**
 * Yjs documents: the server guards each update, hands it on at once, and acknowledges it when it is on disk. Nothing is
 * ever dropped from the log.
 *
 * @param template Addresses of the topics, e.g. `page:{id}`.
 * @throws TypeError naming a mistake in the definition.
 * @example
 * const page = doc("page:{id}", {
 *   authorize: ({ principal, params }) => (principal.id === params.id ? "write" : "read"),
 * });
 */
export function doc<const Template extends string>(
  template: Template,
  options: DocOptions<Template> = {},
): DocFeature<Template> {
  const { authorize, ...definition } = options;
  const resolved = resolveOptions(template, definition);
  return {
    feature: "doc",
    template,
    roles: resolved.roles,
    defaultRole: resolved.defaultRole,
    history: { keepsAll: true },
    binaryOperation: operationOf,
    ...(authorize === undefined
      ? {}
      : {
          // The router fills in every part of the template that it matched.
          authorize: (request) =>
            authorize({ ...request, params: request.params as TemplateParams<Template> }),
        }),
    open: (topic) => openDocRoom(topic, resolved),
  };
}

/** What a message of a kind needs. One that clients do not send is refused by the room, whoever sends it. */
function operationOf(kind: number): Operation {
  if (kind === DOC_KIND.update || kind === DOC_KIND.syncResponse) return "publish";
  if (kind === DOC_KIND.notice) return "publish";
  return kind === DOC_KIND.awareness || kind === DOC_KIND.event ? "presence" : "subscribe";
}
