import { PlexlineError } from "@plexline/protocol";
import type { Clock, Endpoint, RequestContext } from "@plexline/server";
import { failureResponse, HttpRefusal } from "../../http/failure.ts";
import { machineClock } from "../../http/machine-clock.ts";
import { runBatch, runCommand } from "./commands.ts";
import { EventRenderings } from "./event-rendering.ts";
import { answerEvents } from "./events.ts";
import { BODY_BYTES_MAX } from "./message.ts";

export interface StreamsApiOptions {
  /** Where it is served. Default `/api/streams`. */
  readonly prefix?: `/${string}`;
  /** Largest body, in bytes. Default 2 MiB. */
  readonly bodyBytesMax?: number;
  /** How long a long-poll waits, in milliseconds. Default 25,000. */
  readonly longPollTimeoutMs?: number;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "setTimer">;
}

/** What all requests of one endpoint have in common. */
export interface Settings {
  readonly bodyBytesMax: number;
  readonly longPollTimeoutMs: number;
  readonly clock: Pick<Clock, "setTimer">;
  readonly renderings: EventRenderings;
}

/** One request on its way to an answer. */
export interface Exchange {
  readonly request: Request;
  readonly context: RequestContext;
  readonly topic: string;
  readonly settings: Settings;
}

const LONG_POLL_TIMEOUT_MS = 25_000;

/**
 * The commands and the events of streams over plain HTTP, for producers in processes of their own and for readers without a
 * WebSocket. HTTP.md has the rules; `createHttpProducer` is its client.
 *
 * @throws TypeError if the prefix ends in a slash.
 * @example
 * const app = createServer({ topics: { run: run("run:{id}") }, endpoints: [...streamsApi()], auth });
 * // POST /api/streams/run%3A42/append, GET /api/streams/run%3A42/events?live=sse
 */
export function streamsApi(options: StreamsApiOptions = {}): readonly Endpoint[] {
  const { prefix = "/api/streams", clock = machineClock } = options;
  const { bodyBytesMax = BODY_BYTES_MAX, longPollTimeoutMs = LONG_POLL_TIMEOUT_MS } = options;
  if (prefix.endsWith("/")) throw new TypeError(`The prefix ${JSON.stringify(prefix)} must not end in "/".`);
  const settings: Settings = { bodyBytesMax, longPollTimeoutMs, clock, renderings: new EventRenderings() };
  const serve =
    (method: "GET" | "POST", act: (exchange: Exchange) => Promise<Response>) =>
    async (request: Request, context: RequestContext): Promise<Response> => {
      try {
        if (request.method !== method)
          throw new HttpRefusal(405, "OPERATION_UNSUPPORTED", {
            message: "This method is not served here.",
            fix: `Use ${method}.`,
            headers: { Allow: method },
          });
        return await act({ request, context, topic: context.params.topic ?? "", settings });
      } catch (error) {
        // What is no PlexlineError here is a fault of this code: the server logs it, and answers 500.
        if (!(error instanceof PlexlineError)) throw error;
        return failureResponse(error, { headers: { "X-Content-Type-Options": "nosniff" } });
      }
    };
  return [
    { path: `${prefix}/:topic/events`, ticketParameter: "ticket", onRequest: serve("GET", answerEvents) },
    { path: `${prefix}/:topic/:command`, onRequest: serve("POST", runCommand) },
    { path: `${prefix}/:topic`, onRequest: serve("POST", runBatch) },
  ];
}
