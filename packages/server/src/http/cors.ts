import type { OriginVerdict } from "../auth/origin.ts";

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
/** How long a browser may remember the answer to a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600;

/** Whether a request is a browser asking, before the real one, what a page of another origin may do. */
export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

/** Answers a preflight of a page that may connect. */
export function preflightResponse(request: Request): Response {
  const asked = request.headers.get("access-control-request-headers");
  return new Response(null, {
    status: 204,
    headers: {
      "Access-Control-Allow-Methods": METHODS,
      "Access-Control-Max-Age": String(PREFLIGHT_SECONDS),
      ...(asked === null ? {} : { "Access-Control-Allow-Headers": asked }),
    },
  });
}

/**
 * Lets a page read the response if its origin may connect: the list of allowed origins is the CORS list. Cookies count
 * for the origins that are named, never for `*`. Caches are told that the answer depends on the origin.
 */
export function allowOrigin(response: Response, origin: string | undefined, verdict: OriginVerdict): void {
  response.headers.append("Vary", "Origin");
  if (origin === undefined || !verdict.allowed) return;
  response.headers.set("Access-Control-Allow-Origin", origin);
  if (verdict.cookies) response.headers.set("Access-Control-Allow-Credentials", "true");
}
