import type { UpgradeRequest } from "../platform/request.ts";
import type { Credentials } from "./authenticator.ts";
import { readCookie } from "./cookie.ts";

export interface CredentialOptions {
  /** Name of the session cookie. */
  readonly cookie: string;
  /** Query parameter that may carry the token on this path. Default: none may. */
  readonly tokenParameter?: string;
  /** Query parameter that may carry a ticket on this path. Default: none may. */
  readonly ticketParameter?: string;
  /** Whether cookies count: an allowed Origin, or none at all (not a browser). See `createOriginCheck`. */
  readonly originAllowed: boolean;
}

const SUBPROTOCOL_PREFIX = "bearer.";
const AUTHORIZATION = /^bearer +(\S.*)$/i;

/**
 * Finds the token of a request. What somebody gave on purpose goes before what a browser sends by itself:
 *
 * 1. subprotocol `bearer.<token>`
 * 2. `Authorization: Bearer <token>`
 * 3. the query parameter, where the path names one: that of tokens, then that of tickets
 * 4. the cookie, if the Origin allows cookies
 *
 * The first that is there counts, even if it turns out to be bad: a bad token never falls back to a cookie's identity.
 * Where cookies do not count, the request in the result has none, so that no authenticator can see one; and it has no ticket,
 * so that nobody who shows its query to anybody shows one.
 */
export function findCredentials(request: UpgradeRequest, options: CredentialOptions): Credentials {
  const { ticketParameter } = options;
  const shown = options.originAllowed ? request : withoutCookies(request);
  const seen = ticketParameter === undefined ? shown : withoutTicket(shown, ticketParameter);
  const subprotocol = request.subprotocols.find(
    (name) => name.startsWith(SUBPROTOCOL_PREFIX) && name.length > SUBPROTOCOL_PREFIX.length,
  );
  if (subprotocol !== undefined) {
    return { token: subprotocol.slice(SUBPROTOCOL_PREFIX.length), source: "subprotocol", request: seen };
  }
  const authorization = AUTHORIZATION.exec(request.headers.authorization ?? "")?.[1];
  if (authorization !== undefined) return { token: authorization, source: "authorization", request: seen };
  const query = options.tokenParameter === undefined ? null : request.query.get(options.tokenParameter);
  if (query !== null && query !== "") return { token: query, source: "query", request: seen };
  const ticket = ticketParameter === undefined ? null : request.query.get(ticketParameter);
  if (ticket !== null && ticket !== "") return { token: ticket, source: "ticket", request: seen };
  const cookie = readCookie(seen.headers.cookie, options.cookie);
  if (cookie !== undefined) return { token: cookie, source: "cookie", request: seen };
  return { request: seen };
}

function withoutTicket(request: UpgradeRequest, parameter: string): UpgradeRequest {
  if (!request.query.has(parameter)) return request;
  const query = new URLSearchParams(request.query);
  query.delete(parameter);
  return { ...request, query };
}

function withoutCookies(request: UpgradeRequest): UpgradeRequest {
  return { ...request, headers: { ...request.headers, cookie: undefined } };
}
