import { PlexlineError } from "@plexline/protocol";
import type { Clock, Endpoint, Random, RequestContext } from "@plexline/server";
import { machineClock } from "../../../http/machine-clock.ts";
import { CONTROL, defaultTopic, topicOf } from "./address.ts";
import type { Exchange, Settings } from "./exchange.ts";
import { failureResponse, refuse } from "./failure.ts";
import { liveCursor } from "./live-cursor.ts";
import { LiveLogs } from "./live-events.ts";
import { describeStream, readStream } from "./reading.ts";
import { answerControl } from "./subscriptions/control.ts";
import { Subscriptions } from "./subscriptions/subscriptions.ts";
import { appendToStream, createStream, deleteStream } from "./writing.ts";

export interface DurableStreamsOptions {
  /** Where streams are served. Default `/v1/stream`. */
  readonly prefix?: `/${string}`;
  /** The topic of a path. Default: `run:<id>` for `runs/<id>`, else `stream:<path>`. */
  readonly topic?: (path: string) => string;
  /** How long a long-poll waits, in milliseconds. Default 30,000. */
  readonly longPollTimeoutMs?: number;
  /** After how long an event stream ends, to be asked for anew, in milliseconds. Default 60,000. */
  readonly rotateMs?: number;
  /** Largest body, in bytes. Default 1 MiB. */
  readonly bodyBytesMax?: number;
  /** Bytes of the log in one answer; one chunk may be longer. Default 256 KiB, at most 1 MiB. */
  readonly pageBytesMax?: number;
  /** Lets webhooks go to `http://localhost` and `http://127.0.0.x`, for development. Default false. */
  readonly allowLoopbackCallbacks?: boolean;
  /** Private Ed25519 key that webhooks are signed with, as a JWK. Default: a new one for each process. */
  readonly signingKey?: JsonWebKey;
  /** Default: the machine's. */
  readonly clock?: Pick<Clock, "nowMs" | "setTimer">;
  readonly random?: Pick<Random, "next">;
}

/**
 * Streams over HTTP in the Durable Streams protocol, for its clients: create, append, read, follow by long-poll or SSE, fork, close
 * and delete, with subscriptions that wake workers. They are the same streams as everywhere else: what is appended here is pushed to
 * WebSockets, and the other way round. DURABLE.md has the rules.
 *
 * @throws TypeError if the prefix ends in a slash.
 * @example
 * const app = createServer({ topics: { any: stream("stream:{path}"), run: run("run:{id}") }, endpoints: [...durableStreams()], auth });
 * // PUT, POST and GET /v1/stream/runs/7
 */
export function durableStreams(options: DurableStreamsOptions = {}): readonly Endpoint[] {
  const { prefix = "/v1/stream", topic = defaultTopic, clock = machineClock } = options;
  const { random = { next: Math.random } } = options;
  if (prefix.endsWith("/")) throw new TypeError(`The prefix ${JSON.stringify(prefix)} must not end in "/".`);
  const settings: Settings = {
    prefix,
    topic,
    clock,
    random,
    bodyBytesMax: options.bodyBytesMax ?? 1024 * 1024,
    pageBytesMax: options.pageBytesMax ?? 256 * 1024,
    longPollTimeoutMs: options.longPollTimeoutMs ?? 30_000,
    rotateMs: options.rotateMs ?? 60_000,
    live: new LiveLogs(() => liveCursor(clock.nowMs(), null, 0)),
    subscriptions: new Subscriptions({
      clock,
      random,
      topic,
      allowLoopbackCallbacks: options.allowLoopbackCallbacks ?? false,
      ...(options.signingKey === undefined ? {} : { signingKey: options.signingKey }),
    }),
  };
  return [
    {
      path: `${prefix}/${CONTROL}/*`,
      onRequest: (request, context) => guarded(request, () => answerControl(request, context, settings)),
    },
    {
      path: `${prefix}/*`,
      ticketParameter: "ticket",
      onRequest: (request, context) => guarded(request, () => serve(request, context, settings)),
    },
  ];
}

async function guarded(request: Request, act: () => Promise<Response>): Promise<Response> {
  try {
    const response = await act();
    return request.method === "HEAD" ? new Response(null, response) : response;
  } catch (error) {
    // What is no PlexlineError here is a fault of this code: the server logs it, and answers 500.
    if (!(error instanceof PlexlineError)) throw error;
    return failureResponse(error);
  }
}

async function serve(request: Request, context: RequestContext, settings: Settings): Promise<Response> {
  const path = context.params["*"] ?? "";
  const exchange: Exchange = {
    request,
    context,
    settings,
    path,
    topic: topicOf(path, settings.topic),
    query: new URL(request.url).searchParams,
  };
  switch (request.method) {
    case "PUT":
      return createStream(exchange);
    case "POST":
      return appendToStream(exchange);
    case "GET":
      return readStream(exchange);
    case "HEAD":
      return describeStream(exchange);
    case "DELETE":
      return deleteStream(exchange);
    default: {
      const allowed = "GET, HEAD, POST, PUT, DELETE";
      throw refuse(405, "This method is not served here.", `Use ${allowed}.`, { Allow: allowed });
    }
  }
}
