import type { Endpoint, EndpointSession } from "@plexline/server";
import { HocuspocusConnection } from "./connection.ts";
import { HocuspocusFrameCache } from "./frame-cache.ts";

export interface HocuspocusOptions {
  /** Where it is served, with `?type=yjs`. Default `/api/ws`. */
  readonly path?: `/${string}`;
  /** The topic of a document. Default: `doc:` and the name. */
  readonly topic?: (name: string) => string;
  /** Query parameter with a token for addresses that send an empty one. Default `token`; null for none. */
  readonly tokenParameter?: string | null;
}

/** A state vector of 100,000 client ids is less; what is larger may come once a room is joined, which raises this. */
const MESSAGE_BYTES_MAX = 1024 * 1024 + 2_048;

/**
 * Serves documents to `@hocuspocus/provider` as it is published, several on one connection. Who may open one, how much they
 * may send and how long they stay is the server's to say, as for any other session. `hasUnsyncedChanges` of a provider is
 * false only when all of its edits are on disk.
 *
 * A document that may not be opened is denied on its address and the connection goes on; other errors close it, and the provider
 * comes back. HOCUSPOCUS.md lists both.
 *
 * @example
 * const app = createServer({ topics: { page: doc("doc:{id}") }, endpoints: [hocuspocus()] });
 * // in the browser
 * new HocuspocusProvider({ url: "wss://example.com/api/ws?type=yjs", name: "plan", document, token });
 */
export function hocuspocus(options: HocuspocusOptions = {}): Endpoint {
  const { path = "/api/ws", topic = (name: string) => `doc:${name}`, tokenParameter = "token" } = options;
  const frames = new HocuspocusFrameCache();
  const connections = new WeakMap<EndpointSession, HocuspocusConnection>();
  return {
    path,
    match: (request) => request.query.get("type") === "yjs",
    authentication: "in-band",
    ...(tokenParameter === null ? {} : { tokenParameter }),
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    onConnect(ws) {
      connections.set(ws, new HocuspocusConnection(ws, { topicOf: topic, frames }));
    },
    onMessage: (ws, message) => connections.get(ws)?.hear(message),
    onTokenExpiring: (ws) => connections.get(ws)?.askForToken(),
    onClose: (ws) => connections.get(ws)?.onClose(),
  };
}
