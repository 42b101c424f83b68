import { closeReason, PlexlineError, parseTopic } from "@plexline/protocol";
import type { Endpoint, EndpointSession, UpgradeRequest } from "@plexline/server";
import { Renderings } from "../run/rendering.ts";
import { readCursor } from "../run/standing.ts";
import { type AgentPlace, type Conversation, createConversation, UNAUTHORIZED } from "./conversation.ts";
import { MESSAGE_BYTES_MAX, renderAgentEvent } from "./message.ts";

export interface AgentOptions {
  /** Where it is served. Default `/ws/agent`, of `workflow()` `/ws/workflow`. */
  readonly path?: `/${string}`;
  /** The topic of a run. Default: `run:` and the run's id. */
  readonly topic?: (runId: string) => string;
}

/**
 * Serves runs of agents to clients that speak JSON over a plain WebSocket, at `/ws/agent?runId=…`: where the run stands, what it
 * puts out, and requests in the other direction. Who comes back with `&cursor=…` misses nothing. Who may do what is asked for
 * every message: whoever has no access is told `Access denied`, and stays connected.
 *
 * Who has no session is closed with 4401 `Unauthorized`. AGENT.md has the messages and the other close codes.
 *
 * @example
 * const app = createServer({ topics: { run: run("run:{id}") }, endpoints: [agent(), workflow()] });
 * // in the browser
 * const socket = new WebSocket("wss://example.com/ws/agent?runId=7");
 * socket.onmessage = ({ data }) => show(JSON.parse(data));
 */
export function agent(options: AgentOptions = {}): Endpoint {
  return serveRuns({ path: "/ws/agent", ...options }, ["runId", "sessionId", "id"], "agent");
}

/** The same for workflows, at `/ws/workflow?workflowId=…`: a workflow is a run like any other. */
export function workflow(options: AgentOptions = {}): Endpoint {
  return serveRuns(
    { path: "/ws/workflow", ...options },
    ["runId", "workflowId", "sessionId", "id"],
    "workflow",
  );
}

/** `names`: query parameters for the run's id, the first one that is there counts. */
function serveRuns(
  { path, topic = (runId) => `run:${runId}` }: AgentOptions & { readonly path: `/${string}` },
  names: readonly string[],
  subprotocol: string,
): Endpoint {
  const renderings = new Renderings(() => ({ render: renderAgentEvent }));
  const conversations = new WeakMap<EndpointSession, Conversation>();
  const placeOf = ({ query }: UpgradeRequest): AgentPlace | null => {
    const runId = names.map((name) => query.get(name)).find((value) => value);
    if (!runId) return null;
    const since = readCursor(query.get("cursor"));
    return { runId, topic: parseTopic(topic(runId), "The topic of the run"), since, renderings };
  };
  return {
    path,
    // Browsers fail a connection that offers its token as a subprotocol and is answered with none.
    subprotocols: [subprotocol],
    messageBytesMax: MESSAGE_BYTES_MAX,
    overRate: "wait",
    closeFor: (error) => (error.retry === "new-token" ? UNAUTHORIZED : null),
    onConnect(ws, request) {
      try {
        const place = placeOf(request);
        if (place === null) return ws.close(1008, `${names[0]} is missing in the query.`);
        const conversation = createConversation(ws, place);
        conversations.set(ws, conversation);
        return conversation.begin();
      } catch (reason) {
        const error = PlexlineError.from(reason, "HANDLER_FAILED");
        ws.close(1008, closeReason(error.code, error.message));
      }
    },
    onMessage: (ws, message) => conversations.get(ws)?.hear(message),
    onClose: (ws) => conversations.get(ws)?.close(),
  };
}
