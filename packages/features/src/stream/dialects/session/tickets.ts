import { PlexlineError, parseTopic } from "@plexline/protocol";
import type { Endpoint } from "@plexline/server";
import { failureResponse, HttpRefusal } from "../../../http/failure.ts";
import { sessionIdOf } from "./message.ts";
import { type AgentMessagesOptions, topicOfSession } from "./module.ts";

export interface AgentTicketsOptions extends Pick<AgentMessagesOptions, "topic"> {
  /** Where it is served. Default `/api/stream/ticket`. */
  readonly path?: `/${string}`;
}

/**
 * Gives out tickets for reading one run, at `POST /api/stream/ticket?sessionId=…` [SE16]: a browser's own EventSource shows no headers, and
 * a token in an address would open everything that its user may do.
 *
 * @example
 * const { ticket } = await (await fetch(`/api/stream/ticket?sessionId=${id}`, { method: "POST", headers })).json();
 * const source = new EventSource(`/api/stream?sessionId=${id}&ticket=${ticket}`);
 */
export function agentTickets(options: AgentTicketsOptions = {}): Endpoint {
  const { path = "/api/stream/ticket", topic = topicOfSession } = options;
  return {
    path,
    async onRequest(request, context) {
      try {
        if (request.method !== "POST") {
          throw new HttpRefusal(405, "OPERATION_UNSUPPORTED", {
            message: "This method is not served here.",
            fix: "Use POST.",
            headers: { Allow: "POST" },
          });
        }
        const sessionId = sessionIdOf(new URL(request.url).searchParams.get("sessionId"));
        const issued = await context.ticket({ topic: parseTopic(topic(sessionId), "The topic of the run") });
        return Response.json(issued, { headers: { "Cache-Control": "no-store" } });
      } catch (error) {
        // What is no PlexlineError here is a fault of this code: the server logs it, and answers 500.
        if (!(error instanceof PlexlineError)) throw error;
        return failureResponse(error);
      }
    },
  };
}
