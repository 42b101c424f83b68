import { closeReason, PlexlineError } from "@plexline/protocol";
import type { Endpoint, EndpointSession } from "@plexline/server";
import { documentMessages } from "./documents.ts";
import { addressOf, encodeCombinedError, MESSAGE_BYTES_MAX, parseCombinedMessage } from "./message.ts";
import { type CombinedListener, type CombinedMessage, type CombinedModule, modulesByType } from "./module.ts";

export type { CombinedListener, CombinedMessage, CombinedModule } from "./module.ts";

export interface CombinedOptions {
  /** Where it is served. Default `/api/ws`. */
  readonly path?: `/${string}`;
  /** The topic of a room. Default: `doc:` and the room's name. */
  readonly topic?: (room: string) => string;
  /** Query parameter with the token. Default `token`; null for none. */
  readonly tokenParameter?: string | null;
  /** Message types besides those of documents and presence. Default: none. */
  readonly modules?: readonly CombinedModule[];
}

/**
 * Serves one socket for everything, with messages in JSON: edits of documents as `yjs:update`, cursors as `presence`, and what
 * `modules` add. COMBINED.md lists the messages. It takes connections without a `type` in their query; those with one are for
 * other endpoints of the path.
 *
 * A message that is refused is answered by an `error` with a code, and the connection goes on.
 *
 * @throws TypeError if two modules take the same message type.
 * @example
 * const app = createServer({ topics: { page: doc("doc:{id}") }, endpoints: [combined()] });
 * // in the browser
 * const ws = new WebSocket(`wss://example.com/api/ws?token=${token}`);
 * ws.onopen = () => ws.send(JSON.stringify({ type: "yjs:sync", room: "room-456" }));
 */
export function combined(options: CombinedOptions = {}): Endpoint {
  const { path = "/api/ws", topic = (room: string) => `doc:${room}`, tokenParameter = "token" } = options;
  const { modules = [] } = options;
  const table = modulesByType([documentMessages(topic), ...modules]);
  const listeners = new WeakMap<EndpointSession, ReadonlyMap<CombinedModule, CombinedListener>>();

  const hear = (ws: EndpointSession, message: CombinedMessage): void | Promise<void> => {
    const module = table.get(message.type);
    const listener = module && listeners.get(ws)?.get(module);
    if (!listener) throw unknownType(table.keys());
    return listener(message);
  };
  const about = (message: CombinedMessage | undefined): Readonly<Record<string, string>> => {
    const module = message && table.get(message.type);
    return module ? addressOf(message, module.address) : {};
  };

  return {
    path,
    match: (request) => !request.query.has("type"),
    ...(tokenParameter === null ? {} : { tokenParameter }),
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    onConnect(ws) {
      listeners.set(ws, new Map([...new Set(table.values())].map((module) => [module, module.open(ws)])));
    },
    onClose(ws) {
      for (const module of listeners.get(ws)?.keys() ?? []) module.close?.(ws);
    },
    async onMessage(ws, data) {
      let message: CombinedMessage | undefined;
      try {
        message = parseCombinedMessage(data);
        await hear(ws, message);
      } catch (reason) {
        if (!(reason instanceof PlexlineError))
          ws.log.error({ action: "ws.error", error: reason, context: path });
        const error = PlexlineError.from(reason, "HANDLER_FAILED");
        ws.send(encodeCombinedError(error, about(message)));
        // As everywhere: what sends such messages would go on doing it.
        if (message === undefined && error.code === "MESSAGE_TOO_LARGE")
          ws.close(4413, closeReason(error.code, error.message));
      }
    },
  };
}

function unknownType(types: Iterable<string>): PlexlineError {
  return new PlexlineError("UNKNOWN_MESSAGE", {
    message: "The message's type is not one of this socket's.",
    fix: `Use one of ${[...types].join(", ")}.`,
  });
}
