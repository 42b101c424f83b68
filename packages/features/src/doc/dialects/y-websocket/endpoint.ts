import type { Endpoint, EndpointSession } from "@plexline/server";
import { type Conversation, createConversation } from "./conversation.ts";

import { FrameCache } from "./frame-cache.ts";

export interface YWebsocketOptions {
  /** Where it is served; ends in `/*`, which stands for the name of the document, slashes and all. Default `/yjs/*`. */
  readonly path?: `/${string}`;
  /** The topic of a document. Default: `doc:` and the name. */
  readonly topic?: (name: string) => string;
  /** Query parameter with the token, which `params: { token }` of the provider sets. Default `token`; null for none. */
  readonly tokenParameter?: string | null;
  /**
   * Whether a client is sent its own updates once they are durable: for clients that take an echo for an acknowledgement.
   * Default true.
   */
  readonly echo?: boolean;
  /** Bytes of a connection's updates that wait for their echo; the oldest does without. Default 1 MiB. */
  readonly echoBytesMax?: number;
}

const ECHO_BYTES_MAX = 1024 * 1024;
/** A state vector of 100,000 client ids is less; what is larger may come once the room is joined, which raises this. */
const MESSAGE_BYTES_MAX = 1024 * 1024 + 64;
/** Providers give a connection up on which nothing arrived for 30 seconds, and browsers hide ping frames from them. */
const KEEP_ALIVE_AFTER_MS = 15_000;
/** An awareness update of nobody. */
const KEEP_ALIVE = Uint8Array.of(1, 1, 0);

/**
 * Serves documents to the `y-websocket` provider as it is published. Who may open one, how much they may send and how long
 * they stay is the server's to say, as for any other session.
 *
 * Errors close the connection: with 4400 to 4499 if coming again is pointless, which is where the provider stops by itself,
 * and with another code if it should come back. Y-WEBSOCKET.md lists them.
 *
 * @throws TypeError if the path does not end in `/*`.
 * @example
 * const app = createServer({ topics: { page: doc("doc:{id}") }, endpoints: [yWebsocket()] });
 * // in the browser
 * new WebsocketProvider("wss://example.com/yjs", "plans/2025", ydoc, { params: { token } });
 */
export function yWebsocket(options: YWebsocketOptions = {}): Endpoint {
  const { path = "/yjs/*", topic = (name: string) => `doc:${name}`, tokenParameter = "token" } = options;
  const { echo = true, echoBytesMax = ECHO_BYTES_MAX } = options;
  if (!path.endsWith("/*")) throw new TypeError(`The path ${JSON.stringify(path)} must end in "/*".`);
  const frames = new FrameCache();
  const conversations = new WeakMap<EndpointSession, Conversation>();
  return {
    path,
    ...(tokenParameter === null ? {} : { tokenParameter }),
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    keepAlive: { afterMs: KEEP_ALIVE_AFTER_MS, message: KEEP_ALIVE },
    onConnect(ws, request) {
      const conversation = createConversation(ws, {
        topic: topic(request.params["*"] ?? ""),
        echoBytesMax: echo ? echoBytesMax : 0,
        frames,
      });
      conversations.set(ws, conversation);
      return conversation.join();
    },
    onMessage: (ws, message) => conversations.get(ws)?.hear(message),
  };
}
