import { PlexlineError } from "@plexline/protocol";
import type { Authenticator } from "./authenticator.ts";

/**
 * Asks several authenticators in turn; the first that knows the credentials decides. TOKEN_MISSING and TOKEN_INVALID
 * pass on to the next; any other error ends it, because it comes from one that recognised the token.
 *
 * @example
 * firstOf([staticTokens(keys), jwt({ secret }), cookieSession({ verify })]);
 */
export function firstOf(authenticators: readonly Authenticator[]): Authenticator {
  return {
    async authenticate(credentials) {
      let refusal: PlexlineError | null = null;
      for (const authenticator of authenticators) {
        try {
          return await authenticator.authenticate(credentials);
        } catch (error) {
          const reason = PlexlineError.from(error, "TOKEN_INVALID");
          if (reason.code !== "TOKEN_MISSING" && reason.code !== "TOKEN_INVALID") throw reason;
          if (reason.code === "TOKEN_INVALID") refusal = reason;
        }
      }
      throw refusal ?? new PlexlineError("TOKEN_MISSING");
    },
  };
}
