import { PlexlineError } from "@plexline/protocol";
import type { Authenticator } from "./authenticator.ts";
import { isTicket, type Tickets } from "./tickets.ts";

/**
 * An authenticator that knows tickets besides what another one knows. A ticket counts as a ticket alone: one that came as a
 * token is refused before anybody could take it for something else.
 */
export function acceptTickets(authenticator: Authenticator, tickets: Pick<Tickets, "open">): Authenticator {
  return {
    async authenticate(credentials) {
      const { token, source } = credentials;
      if (source === "ticket") {
        if (token === undefined) throw new PlexlineError("TOKEN_MISSING");
        return tickets.open(token);
      }
      if (token !== undefined && isTicket(token)) {
        throw new PlexlineError("TOKEN_INVALID", {
          message: "A ticket was given as a token.",
          fix: "Put a ticket into the query of a path that takes tickets, and give a token here.",
        });
      }
      return authenticator.authenticate(credentials);
    },
  };
}
