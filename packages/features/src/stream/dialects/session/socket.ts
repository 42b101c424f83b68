import { closeReason, PlexlineError } from "@plexline/protocol";
import type { Endpoint, EndpointSession } from "@plexline/server";
import { Renderings } from "../run/rendering.ts";
import { readCursor } from "../run/standing.ts";
import {
  encodeError,
  encodeEvent,
  MESSAGE_BYTES_MAX,
  MESSAGE_TYPES,
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
}

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
  const { path = "/api/ws", topic = topicOfSession, tokenParameter = "token" } = options;
  const renderings = new Renderings((sessionId) => (told) => encodeEvent(sessionId, told));
  const connections = new WeakMap<EndpointSession, { readonly runs: SessionRuns; readonly own: string }>();

  const tell = (ws: EndpointSession, reason: unknown, sessionId: string | undefined): void => {
    if (!(reason instanceof PlexlineError)) ws.log.error({ action: "ws.error", error: reason, context: path });
    ws.send(encodeError(PlexlineError.from(reason, "HANDLER_FAILED"), sessionId));
  };
  return {
    path,
    match: ({ query }) => query.get("type") === "agent",
    ...(tokenParameter === null ? {} : { tokenParameter }),
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    async onConnect(ws, { query }) {
      try {
        const own = sessionIdOf(query.get("sessionId"));
        const since = readCursor(query.get("cursor"));
        const runs = new SessionRuns(ws, topic, renderings);
        connections.set(ws, { runs, own });
        await runs.join(own, since).catch((reason: unknown) => {
          // A name that makes no topic is as wrong as none.
          if (isTopicError(reason)) throw reason;
          tell(ws, reason, own);
        });
      } catch (reason) {
        const error = PlexlineError.from(reason, "HANDLER_FAILED");
        ws.close(1008, closeReason(error.code, error.message));
      }
    },
    async onMessage(ws, text) {
      const connection = connections.get(ws);
      if (!connection) return;
      let about: string | undefined = connection.own;
      try {
        const message = parseSessionMessage(text);
        if (message.type === "ping") return ws.send(PONG);
        const addressed: SessionMessage = { ...message, sessionId: message.sessionId ?? connection.own };
        about = typeof addressed.sessionId === "string" ? addressed.sessionId.slice(0, 255) : undefined;
        assertKnown(message.type);
        await connection.runs.take(addressed);
      } catch (reason) {
        tell(ws, reason, about);
      }
    },
    onClose: (ws) => connections.get(ws)?.runs.close(),
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
