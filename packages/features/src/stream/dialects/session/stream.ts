import { PlexlineError, parseTopic } from "@plexline/protocol";
import type { Clock, Endpoint, Random, RequestContext } from "@plexline/server";
import { HttpRefusal } from "../../../http/failure.ts";
import { machineClock } from "../../../http/machine-clock.ts";
import { type PolicyReaders, TransportOff } from "../../policy/readers.ts";
import { Renderings } from "../run/rendering.ts";
import { readCursor } from "../run/standing.ts";
import { streamRun } from "./event-stream.ts";
import type { StreamExchange, StreamSettings } from "./exchange.ts";
import { failureResponse } from "./failure.ts";
import { isFormat, serveFormats, streamFormat } from "./format-stream.ts";
import { answerLongPoll } from "./long-poll.ts";
import { encodeEvent, sessionIdOf } from "./message.ts";
import { type AgentMessagesOptions, topicOfSession } from "./module.ts";
import { answerPost } from "./posting.ts";
import { sseEvent } from "./sse.ts";

export interface AgentStreamOptions extends AgentMessagesOptions {
  /** Where it is served. Default `/api/stream`. */
  readonly path?: `/${string}`;
  /** Query parameter with the token. Default: none may have it, since addresses are logged on their way. */
  readonly tokenParameter?: string;
  /** How long a long-poll waits, in milliseconds. Default 25,000. */
  readonly longPollTimeoutMs?: number;
  /** After how long an event stream ends, to be asked for anew, in milliseconds. Default 600,000. */
  readonly rotateMs?: number;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "setTimer">;
  readonly random?: Pick<Random, "next">;
  /** Which of its transports are served, and who is told when that changes: `transportPolicy().readers`. Default: all. */
  readonly readers?: PolicyReaders;
}

/**
 * Serves runs over HTTP, at `/api/stream?sessionId=…`: as server-sent events, by long-poll, and by POST in the other direction. The
 * messages and cursors are those of `agentSession()`, so a client may go from one to the other; SESSION.md has them.
 * `format=ai-sdk` and `format=ag-ui` are for the clients of these.
 *
 * @example
 * const app = createServer({ topics: { run: run("run:{id}") }, endpoints: [agentSession(), agentStream()] });
 * // in the browser
 * const source = new EventSource(`/api/stream?sessionId=${sessionId}`);
 * source.onmessage = (event) => handleAgentUpdate(JSON.parse(event.data));
 */
export function agentStream(options: AgentStreamOptions = {}): Endpoint {
  const { path = "/api/stream", topic = topicOfSession, tokenParameter, clock = machineClock } = options;
  const { readers } = options;
  const settings: StreamSettings = {
    topic,
    clock,
    random: options.random ?? { next: Math.random },
    longPollTimeoutMs: options.longPollTimeoutMs ?? 25_000,
    rotateMs: options.rotateMs ?? 600_000,
    renderings: new Renderings((sessionId) => ({
      render: (told) => sseEvent(encodeEvent(sessionId, told), told.cursor),
    })),
    formats: serveFormats(),
    ...(readers === undefined ? {} : { readers }),
  };
  return {
    path,
    ticketParameter: "ticket",
    ...(readers === undefined ? {} : { start: (host) => readers.start(host) }),
    ...(tokenParameter === undefined ? {} : { tokenParameter }),
    async onRequest(request, context) {
      try {
        return await serve(request, context, settings);
      } catch (error) {
        // What is no PlexlineError here is a fault of this code: the server logs it, and answers 500.
        if (!(error instanceof PlexlineError)) throw error;
        return failureResponse(error, error instanceof TransportOff ? { policy: error.policy } : {});
      }
    },
  };
}

function serve(request: Request, context: RequestContext, settings: StreamSettings): Promise<Response> {
  if (request.method !== "GET" && request.method !== "POST")
    throw new HttpRefusal(405, "OPERATION_UNSUPPORTED", {
      message: "This method is not served here.",
      fix: "Use GET or POST.",
      headers: { Allow: "GET, POST" },
    });
  const query = new URL(request.url).searchParams;
  const sessionId = sessionIdOf(query.get("sessionId"));
  const topic = parseTopic(settings.topic(sessionId), "The topic of the run");
  const exchange: StreamExchange = { request, context, settings, query, sessionId, topic };
  return request.method === "POST" ? answerPost(exchange) : read(exchange);
}

function read(exchange: StreamExchange): Promise<Response> {
  const { request, query, settings } = exchange;
  // A native EventSource repeats the address that it was made with: where it stands now is in the header.
  const since = readCursor(
    request.headers.get("last-event-id") || query.get("cursor") || query.get("lastEventId"),
  );
  const live = query.get("live") ?? "sse";
  if (live === "long-poll") return answerLongPoll(exchange, since);
  if (live !== "sse") throw unknown("live", "sse or long-poll");
  const format = query.get("format");
  if (format === null) return streamRun(exchange, since);
  if (!isFormat(format)) throw unknown("format", "raw, ai-sdk or ag-ui");
  return streamFormat(exchange, settings.formats[format], since);
}

function unknown(name: string, values: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message: `${name} in the query is none that is served here.`,
    fix: `Use ${values}, or leave it out.`,
  });
}
