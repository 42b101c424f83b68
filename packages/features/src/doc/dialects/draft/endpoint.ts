import type { Endpoint, EndpointSession } from "@plexline/server";
import { createDraftConversation, type DraftConversation } from "./conversation.ts";
import { DraftMessageCache } from "./message-cache.ts";
import { draftCloseFor } from "./refusal.ts";
import { DraftRooms } from "./rooms.ts";

export interface DraftOptions {
  /** Where it is served. Default `/ws`, beside the native protocol, which takes whoever offers its subprotocol. */
  readonly path?: `/${string}`;
  /** The topic of a draft. Default: `doc:` and its id. */
  readonly topic?: (draftId: string) => string;
  /** Query parameter with the token. Default `token`; null for none, where clients have cookies. */
  readonly tokenParameter?: string | null;
  /**
   * Largest message, in bytes. An update that is written as numbers takes up to four for each of its own. Default 4 MiB and a
   * little, for documents whose `updateBytesMax` is the default.
   */
  readonly messageBytesMax?: number;
  /**
   * Largest document that is sent as a whole, in bytes. Writing it as numbers takes up to four times that, and the server's
   * main thread some 25 milliseconds for each MiB. Default 16 MiB.
   */
  readonly stateBytesMax?: number;
}

/** The endpoint, and what a health page asks of it. */
export interface DraftEndpoint extends Endpoint {
  /** Connections of this endpoint that are in a draft, on this node. */
  getConnectionsCount(): number;
  /** Drafts with such a connection. */
  getRoomsCount(): number;
}

const MESSAGE_BYTES_MAX = 4 * 1024 * 1024 + 256;
const STATE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Serves documents to clients that speak JSON with updates as arrays of numbers, on `/ws?token=…&draftId=…`. Who may open one,
 * how much they may send and how long they stay is the server's to say, as for any other session. DRAFT.md lists messages,
 * errors and close codes.
 *
 * @example
 * const drafts = draft();
 * const app = createServer({ topics: { page: doc("doc:{id}") }, endpoints: [drafts] });
 * const status = () => ({ connections: drafts.getConnectionsCount(), rooms: drafts.getRoomsCount() });
 * // in the browser
 * const ws = new WebSocket(`wss://example.com/ws?token=${token}&draftId=plan`);
 * ydoc.on("update", (update) => ws.send(JSON.stringify({ type: "yjs-update", data: Array.from(update) })));
 */
export function draft(options: DraftOptions = {}): DraftEndpoint {
  const { path = "/ws", topic = (draftId: string) => `doc:${draftId}`, tokenParameter = "token" } = options;
  const { messageBytesMax = MESSAGE_BYTES_MAX, stateBytesMax = STATE_BYTES_MAX } = options;
  const limits = { messageBytesMax, stateBytesMax };
  const messages = new DraftMessageCache();
  const rooms = new DraftRooms();
  const conversations = new WeakMap<EndpointSession, DraftConversation>();
  return {
    path,
    ...(tokenParameter === null ? {} : { tokenParameter }),
    messageBytesMax,
    overRate: "wait",
    closeFor: draftCloseFor,
    logFields: ({ query }, { tenant }) => ({ firmId: tenant, draftId: query.get("draftId") ?? undefined }),
    onConnect(ws, { query }) {
      const draftId = query.get("draftId");
      const conversation = createDraftConversation(ws, { draftId, topic, ...limits, messages, rooms });
      conversations.set(ws, conversation);
      return conversation.join();
    },
    onMessage: (ws, message) => conversations.get(ws)?.hear(message),
    onClose: (ws) => conversations.get(ws)?.leave(),
    getConnectionsCount: () => rooms.connections,
    getRoomsCount: () => rooms.count,
  };
}
