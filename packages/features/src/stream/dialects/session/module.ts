import type { EndpointSession } from "@plexline/server";
import { Renderings } from "../run/rendering.ts";
import { encodeEvent, MESSAGE_TYPES, type SessionMessage } from "./message.ts";
import { SessionRuns } from "./runs.ts";

export interface AgentMessagesOptions {
  /** The topic of a run. Default: `run:` and the session's id. */
  readonly topic?: (sessionId: string) => string;
}

/** Message types for a socket that carries others too; `combined({ modules })` takes it. */
export interface AgentModule {
  readonly types: readonly string[];
  /** The field that says what a message is about. */
  readonly address: string;
  open(ws: EndpointSession): (message: SessionMessage) => Promise<void>;
  close(ws: EndpointSession): void;
}

/** The topic of a run unless the application says otherwise. */
export const topicOfSession = (sessionId: string): string => `run:${sessionId}`;

/**
 * The messages `agent:*` for the combined socket: runs beside documents and presence on one connection, several at once.
 * SESSION.md lists them.
 *
 * @example
 * const app = createServer({
 *   topics: { page: doc("doc:{id}"), run: run("run:{id}") },
 *   endpoints: [combined({ modules: [agentMessages()] })],
 * });
 */
export function agentMessages({ topic = topicOfSession }: AgentMessagesOptions = {}): AgentModule {
  const renderings = new Renderings((sessionId) => ({ render: (told) => encodeEvent(sessionId, told) }));
  const open = new WeakMap<EndpointSession, SessionRuns>();
  return {
    types: MESSAGE_TYPES,
    address: "sessionId",
    open(ws) {
      const runs = new SessionRuns(ws, topic, renderings);
      open.set(ws, runs);
      return (message) => runs.take(message);
    },
    close: (ws) => open.get(ws)?.close(),
  };
}
