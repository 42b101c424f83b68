import type { Endpoint, EndpointSession, UpgradeRequest } from "@plexline/server";
import { type Conversation, createConversation } from "./conversation.ts";
import { FabricFrames } from "./frame.ts";
import { MESSAGE_BYTES_MAX } from "./message.ts";
import { UNAUTHORIZED } from "./refusal.ts";
import { StepsFrames } from "./steps-frame.ts";

export interface FabricOptions {
  /** Where it is served. Default `/ws/fabric`. */
  readonly path?: `/${string}`;
  /** The topic of a document. Default: `doc:` and the document's id. */
  readonly topic?: (documentId: string) => string;
  /**
   * The topic of a document's steps, which also keeps whether it is edited in steps or with Yjs; null: with Yjs, always.
   * Default: `steps:` and the document's id. Where no feature owns that topic, documents are Yjs documents.
   */
  readonly stepsTopic?: ((documentId: string) => string) | null;
}

/** Longest `clientID`, in characters. */
const CLIENT_ID_LENGTH_MAX = 128;

/**
 * Serves documents to clients that speak JSON over a plain WebSocket, at `/ws/fabric?documentId=…&clientID=…`. Who may do
 * what is asked for every message: whoever has no access is told `Access denied`, and stays connected.
 *
 * A document is edited with Yjs or, where the application has steps topics, in ProseMirror steps: its first writer decides.
 *
 * Who has no session is closed with 4401 `Unauthorized`, a connection without `documentId` with 1008. FABRIC.md has the
 * messages, and what the other close codes mean.
 *
 * @example
 * const app = createServer({ topics: { page: doc("doc:{id}"), steps: steps("steps:{id}") }, endpoints: [fabric()] });
 * // in the browser
 * const socket = new WebSocket("wss://example.com/ws/fabric?documentId=plan&clientID=tab-1");
 * socket.onopen = () => socket.send(JSON.stringify({ type: "sync", documentId: "plan", clientID: "tab-1" }));
 */
export function fabric(options: FabricOptions = {}): Endpoint {
  const {
    path = "/ws/fabric",
    topic = (documentId: string) => `doc:${documentId}`,
    stepsTopic = (documentId: string) => `steps:${documentId}`,
  } = options;
  const frames = { yjs: new FabricFrames(), steps: new StepsFrames() };
  const conversations = new WeakMap<EndpointSession, Conversation>();
  return {
    path,
    // Browsers fail a connection that offers its token as a subprotocol and is answered with none.
    subprotocols: ["fabric"],
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    closeFor: (error) => (error.retry === "new-token" ? UNAUTHORIZED : null),
    onConnect(ws, request) {
      const { documentId, clientID = ws.id } = namesIn(request);
      if (documentId === undefined) return ws.close(1008, "documentId is missing in the query.");
      if (clientID.length > CLIENT_ID_LENGTH_MAX)
        return ws.close(1008, `clientID may have at most ${CLIENT_ID_LENGTH_MAX} characters.`);
      const conversation = createConversation(ws, { documentId, clientID, topic, stepsTopic, frames });
      conversations.set(ws, conversation);
      return conversation.begin();
    },
    onMessage: (ws, message) => conversations.get(ws)?.hear(message),
  };
}

/** What the query names; empty is as good as missing. */
function namesIn({ query }: UpgradeRequest): { documentId?: string; clientID?: string } {
  const documentId = query.get("documentId");
  const clientID = query.get("clientID");
  return { ...(documentId && { documentId }), ...(clientID && { clientID }) };
}
