import { closeReason, PlexlineError } from "@plexline/protocol";
import type { Endpoint, EndpointSession } from "@plexline/server";
import {
  type EnteredReader,
  encodePolicy,
  type PolicyReaders,
  TRANSPORT_OFF,
  TransportOff,
} from "../../policy/readers.ts";
import { Renderings } from "../run/rendering.ts";
import { readCursor } from "../run/standing.ts";
import {
  encodeError,
  encodeEvent,
  MESSAGE_BYTES_MAX,
  MESSAGE_TYPES,
  orderMessageOf,
  parseSessionMessage,
  type SessionMessage,
  sessionIdOf,
} from "./message.ts";
import { type AgentMessagesOptions, topicOfSession } from "./module.ts";
import { SessionRuns } from "./runs.ts";

export interface AgentSessionOptions extends AgentMessagesOptions {
  /** Where it is served. Default `/api/ws`. */
  readonly path?: `/${string}`;
  /** Query parameter with the token. Default `token`; null for none. */
  readonly tokenParameter?: string | null;
  /** Whether it is served, and who is told when that changes: `transportPolicy().readers`. Default: always. */
  readonly readers?: PolicyReaders;
}

/** Closes for those whose transport is off: who comes, and who was there when it was switched off. */
const OFF_CODE = { refused: 1013, switched: 1012 } as const;

/** Closes by the client, or by the network. */
const CLIENT_CODES: readonly number[] = [1000, 1001, 1005, 1006];
const PONG = JSON.stringify({ type: "pong" });

/**
 * Serves runs over a socket of their own, at `/api/ws?type=agent&sessionId=…`, with the messages of SESSION.md. Connections
 * with another `type`, or none, are for other endpoints of the path.
 *
 * @example
 * const app = createServer({ topics: { run: run("run:{id}") }, endpoints: [agentSession(), agentStream()] });
 * // in the browser
 * const ws = new WebSocket(`wss://example.com/api/ws?type=agent&sessionId=${sessionId}`);
 * ws.onmessage = (event) => handleAgentUpdate(JSON.parse(event.data));
 */
export function agentSession(options: AgentSessionOptions = {}): Endpoint {
  const { path = "/api/ws", topic = topicOfSession, tokenParameter = "token", readers } = options;
  const renderings = new Renderings((sessionId) => ({ render: (told) => encodeEvent(sessionId, told) }));
  const connections = new WeakMap<
    EndpointSession,
    { readonly runs: SessionRuns; readonly own: string; readonly entered: EnteredReader | null }
  >();

  const tell = (ws: EndpointSession, reason: unknown, sessionId: string | undefined, id?: string): void => {
    if (!(reason instanceof PlexlineError))
      ws.log.error({ action: "ws.error", error: reason, context: path });
    ws.send(encodeError(PlexlineError.from(reason, "HANDLER_FAILED"), sessionId, id));
  };
  const enter = (ws: EndpointSession, query: URLSearchParams): EnteredReader | null =>
    readers?.enter("websocket", query, {
      tell: (text) => ws.send(text),
      end: () => ws.close(OFF_CODE.switched, `${TRANSPORT_OFF}: WebSocket is not served now.`),
    }) ?? null;
  return {
    path,
    name: `${path}?type=agent`,
    ...(readers === undefined ? {} : { start: (host) => readers.start(host) }),
    // Browsers fail a connection that offers its token as a subprotocol and is answered with none.
    subprotocols: ["agent"],
    match: ({ query }) => query.get("type") === "agent",
    ...(tokenParameter === null ? {} : { tokenParameter }),
    ticketParameter: "ticket",
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    async onConnect(ws, { query }) {
      try {
        const own = sessionIdOf(query.get("sessionId"));
        const since = readCursor(query.get("cursor"));
        await readers?.admit("websocket");
        const entered = enter(ws, query);
        const runs = new SessionRuns(ws, topic, renderings, entered);
        connections.set(ws, { runs, own, entered });
        await runs.join(own, since).catch((reason: unknown) => {
          // A name that makes no topic is as wrong as none.
          if (isTopicError(reason)) throw reason;
          tell(ws, reason, own);
        });
      } catch (reason) {
        if (reason instanceof TransportOff) {
          ws.send(encodePolicy(reason.policy));
          ws.close(OFF_CODE.refused, `${TRANSPORT_OFF}: ${reason.message}`);
          return;
        }
        const error = PlexlineError.from(reason, "HANDLER_FAILED");
        ws.close(1008, closeReason(error.code, error.message));
      }
    },
    async onMessage(ws, text) {
      const connection = connections.get(ws);
      if (!connection) return;
      let about: string | undefined = connection.own;
      let id: string | undefined;
      try {
        const message = parseSessionMessage(text);
        if (message.type === "ping") return ws.send(PONG);
        const addressed: SessionMessage = { ...message, sessionId: message.sessionId ?? connection.own };
        about = typeof addressed.sessionId === "string" ? addressed.sessionId.slice(0, 255) : undefined;
        assertKnown(message.type);
        ({ id } = orderMessageOf(message));
        await connection.runs.take(addressed);
      } catch (reason) {
        tell(ws, reason, about, id);
      }
    },
    onClose(ws, code) {
      const connection = connections.get(ws);
      connection?.runs.close();
      connection?.entered?.left(CLIENT_CODES.includes(code) ? "client" : "server");
    },
  };
}

function assertKnown(type: string): void {
  if (MESSAGE_TYPES.includes(type)) return;
  throw new PlexlineError("UNKNOWN_MESSAGE", {
    message: "The message's type is not one of this socket's.",
    fix: `Use one of ${MESSAGE_TYPES.join(", ")}.`,
  });
}

function isTopicError(reason: unknown): boolean {
  return reason instanceof PlexlineError && reason.code.startsWith("TOPIC_");
}
