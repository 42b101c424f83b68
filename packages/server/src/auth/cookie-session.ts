import { PlexlineError } from "@plexline/protocol";
import type { UpgradeRequest } from "../platform/request.ts";
import { authenticateWith, type PrincipalInput } from "./authenticate-with.ts";
import type { Authenticator } from "./authenticator.ts";
import { readCookie } from "./cookie.ts";

export interface CookieSessionOptions {
  /** Name of the cookie. Default `plexline_token`. */
  readonly cookie?: string;
  /** What the value means: another authenticator (a JWT in a cookie), or the application's own look-up. */
  readonly verify:
    | Authenticator
    | ((value: string, request: UpgradeRequest) => PrincipalInput | Promise<PrincipalInput>);
}

/** The cookie of Plexline's own pages. */
export const SESSION_COOKIE = "plexline_token";

/**
 * Authenticates by session cookie. A token given on purpose goes first: with one, this rejects TOKEN_MISSING and leaves
 * it to the next of `firstOf`. Cookies of pages that may not use them were taken away by `findCredentials` before.
 *
 * @example
 * cookieSession({ cookie: "sid", verify: async (sid) => ({ id: (await sessions.load(sid)).userId }) });
 */
export function cookieSession({ cookie = SESSION_COOKIE, verify }: CookieSessionOptions): Authenticator {
  return {
    async authenticate({ token, source, request }) {
      const givenOnPurpose = token !== undefined && source !== "cookie";
      const value = givenOnPurpose ? undefined : readCookie(request.headers.cookie, cookie);
      if (value === undefined) throw new PlexlineError("TOKEN_MISSING");
      const verifier = typeof verify === "function" ? authenticateWith(() => verify(value, request)) : verify;
      return verifier.authenticate({ token: value, source: "cookie", request });
    },
  };
}
