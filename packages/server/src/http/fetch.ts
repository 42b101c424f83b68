import { PlexlineError } from "@plexline/protocol";
import type { Authenticator, Credentials } from "../auth/authenticator.ts";
import { findCredentials } from "../auth/credentials.ts";
import type { OriginCheck, OriginVerdict } from "../auth/origin.ts";
import type { Endpoint, EndpointSession, RequestContext } from "../feature/endpoint.ts";
import { comparePaths, compilePath, matchPath } from "../platform/path.ts";
import type { UpgradeRequest } from "../platform/request.ts";
import { allowOrigin, isPreflight, preflightResponse } from "./cors.ts";
import type { OpenStream } from "./stream-session.ts";
import type { TopicList } from "./topic-list.ts";
import type { TopicReset } from "./topic-reset.ts";
import type { IssueTicket } from "./topic-ticket.ts";

export interface FetchOptions {
  readonly endpoints: readonly Endpoint[];
  /** Path of the native protocol; null where it is not served. */
  readonly nativePath: string | null;
  readonly origin: OriginCheck;
  readonly authenticator: Authenticator;
  /** Opens a session for a request to the endpoint with this path. */
  readonly open: (
    path: string,
    credentials: Credentials,
    onClose?: (error: PlexlineError) => void,
  ) => Promise<EndpointSession>;
  /** Opens one whose messages are the response's body. */
  readonly stream: OpenStream;
  readonly topics: TopicList;
  readonly reset: TopicReset;
  readonly ticket: IssueTicket;
  readonly cookie: string;
  /** Health and admin pages; asked when no endpoint serves the path. */
  readonly fallback: (request: Request) => Response | Promise<Response>;
}

/** What is told about every response, whoever made it. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "X-Frame-Options": "DENY",
};

/**
 * Serves the HTTP side of endpoints. A foreign Host is refused, and so is a foreign Origin on anything but reading:
 * pages that were pointed at this server by a name that is not its own must not act with its cookies.
 */
export function createFetch(options: FetchOptions) {
  for (const { path, tokenParameter, ticketParameter } of options.endpoints) {
    if (ticketParameter !== undefined && ticketParameter === tokenParameter)
      throw new PlexlineError("INTERNAL", {
        message: `The endpoint ${path} takes tokens and tickets by one parameter.`,
        fix: "Name tokenParameter and ticketParameter differently.",
      });
  }
  const routes = options.endpoints
    .filter((endpoint) => endpoint.onRequest !== undefined)
    .map((endpoint) => ({ endpoint, path: compilePath(endpoint.path) }))
    .sort((left, right) => comparePaths(left.path, right.path));

  const socketPaths = options.endpoints
    .filter((endpoint) => endpoint.onRequest === undefined)
    .map(({ path }) => path)
    .concat(options.nativePath ?? [])
    .map(compilePath);

  /** What a request gets that no endpoint serves. */
  function answerOwn(request: Request, rawPath: string): Response | Promise<Response> {
    return socketPaths.some((path) => matchPath(path, rawPath) !== null)
      ? upgradeRequired()
      : options.fallback(request);
  }

  /** The endpoint that serves a path; null when it is for the server's own pages. */
  function find(rawPath: string) {
    for (const { endpoint, path } of routes) {
      const params = matchPath(path, rawPath);
      if (params !== null) return { endpoint, params };
    }
    return null;
  }

  function answer(
    request: Request,
    { endpoint, params }: NonNullable<ReturnType<typeof find>>,
    seen: UpgradeRequest,
    verdict: OriginVerdict,
  ): Response | Promise<Response> {
    const isReading = request.method === "GET" || request.method === "HEAD";
    if (!verdict.allowed && !(isReading && verdict.code === "ORIGIN_FORBIDDEN")) {
      return errorResponse(403, new PlexlineError(verdict.code));
    }
    if (verdict.allowed && isPreflight(request)) return preflightResponse(request);
    const { tokenParameter, ticketParameter } = endpoint;
    const credentials = () =>
      findCredentials(seen, {
        cookie: options.cookie,
        originAllowed: verdict.allowed && verdict.cookies,
        ...(tokenParameter === undefined ? {} : { tokenParameter }),
        ...(ticketParameter === undefined ? {} : { ticketParameter }),
      });
    const context: RequestContext = {
      params,
      remoteAddress: seen.remoteAddress,
      authenticate: () => options.authenticator.authenticate(credentials()),
      open: ({ onClose } = {}) => options.open(endpoint.path, credentials(), onClose),
      stream: async (init, streamOptions) => options.stream(endpoint, credentials(), init, streamOptions),
      topics: async (prefix, listOptions) =>
        options.topics(await options.authenticator.authenticate(credentials()), prefix, listOptions),
      reset: async (topic) => options.reset(await options.authenticator.authenticate(credentials()), topic),
      ticket: async (wanted) =>
        options.ticket(await options.authenticator.authenticate(credentials()), wanted),
    };
    const shown = ticketParameter === undefined ? request : withoutParameter(request, ticketParameter);
    return (endpoint.onRequest as NonNullable<Endpoint["onRequest"]>)(shown, context);
  }

  return async function serve(request: Request, from: { readonly remoteAddress: string }): Promise<Response> {
    const { pathname: rawPath, searchParams: query } = new URL(request.url);
    const found = find(rawPath);
    const seen = toUpgradeRequest(request, { path: rawPath, query, params: found?.params ?? {}, ...from });
    const verdict = options.origin.judge(seen.headers);
    const made = await (found ? answer(request, found, seen, verdict) : answerOwn(request, rawPath));
    // A redirect, or what an endpoint has fetched elsewhere, has headers that cannot be changed.
    const response = new Response(made.body, made);
    allowOrigin(response, seen.headers.origin, verdict);
    return withHeaders(response);
  };
}

/** The request without a parameter of its query, for those who might repeat its URL. */
function withoutParameter(request: Request, parameter: string): Request {
  if (!request.url.includes("?")) return request;
  const url = new URL(request.url);
  if (!url.searchParams.has(parameter)) return request;
  url.searchParams.delete(parameter);
  const { method, headers, body } = request;
  const shown = new Request(url, { method, headers, ...(body === null ? {} : { body, duplex: "half" }) });
  // The signal of a copy is lost with the copy, although somebody may still listen to it.
  return Object.defineProperty(shown, "signal", { get: () => request.signal });
}

function toUpgradeRequest(
  request: Request,
  known: Pick<UpgradeRequest, "path" | "query" | "params" | "remoteAddress">,
): UpgradeRequest {
  return {
    ...known,
    method: request.method,
    headers: Object.fromEntries(request.headers),
    subprotocols: [],
  };
}

/** What a proxy that does not pass `Upgrade` on makes of every connection: the answer says so. */
function upgradeRequired(): Response {
  const response = errorResponse(426, new PlexlineError("UPGRADE_REQUIRED"));
  response.headers.set("Connection", "Upgrade");
  response.headers.set("Upgrade", "websocket");
  return response;
}

function errorResponse(status: number, error: PlexlineError): Response {
  return Response.json({ error: error.toBody() }, { status });
}

function withHeaders(response: Response): Response {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!response.headers.has(name)) response.headers.set(name, value);
  }
  return response;
}
