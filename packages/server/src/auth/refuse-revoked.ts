import { PlexlineError } from "@plexline/protocol";
import type { Authenticator } from "./authenticator.ts";
import type { Revocations } from "./revocation.ts";

/** An authenticator that turns away whom another one knows but whose authority has been taken away. */
export function refuseRevoked(
  authenticator: Authenticator,
  revocations: Pick<Revocations, "isRevoked">,
): Authenticator {
  return {
    async authenticate(credentials) {
      const principal = await authenticator.authenticate(credentials);
      if (revocations.isRevoked(principal)) throw new PlexlineError("REVOKED");
      return principal;
    },
  };
}
