import { PlexlineError } from "@plexline/protocol";
import type { Authenticator, Credentials } from "./authenticator.ts";
import type { Principal } from "./principal.ts";
import { parsePrincipal } from "./principal-parser.ts";

/** What an application's function says about who it is; everything but `id` has a default. */
export type PrincipalInput = Partial<Principal> & Pick<Principal, "id">;

/**
 * Authenticates with a function of the application's own. What it returns is checked; what it throws counts as
 * TOKEN_INVALID unless it is a PlexlineError.
 *
 * @example
 * authenticateWith(async ({ token }) => ({ id: await lookUp(token), role: "editor" }));
 */
export function authenticateWith(
  identify: (credentials: Credentials) => PrincipalInput | Promise<PrincipalInput>,
): Authenticator {
  return {
    async authenticate(credentials) {
      try {
        return parsePrincipal(await identify(credentials));
      } catch (error) {
        throw PlexlineError.from(error, "TOKEN_INVALID");
      }
    },
  };
}
