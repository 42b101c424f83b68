import { decodeJwt } from "jose";
import type { Authenticator } from "./authenticator.ts";
import { DEFAULT_TENANT } from "./principal.ts";
import { isPrincipalId } from "./principal-parser.ts";

/**
 * Lets everybody in as the owner of everything in the tenant `default`, for `--no-auth` on a developer's own machine: under
 * the name that their token claims, which nobody checks, or a fresh one. (A client that comes back needs the same name:
 * what it wrote in a document is its own.) Whoever starts a server with it must listen on loopback only.
 */
export function noAuth(): Authenticator {
  let count = 0;
  return {
    async authenticate({ token }) {
      const claimed = token === undefined ? undefined : claimedId(token);
      if (claimed === undefined) count += 1;
      return Object.freeze({
        id: claimed ?? `anonymous-${count}`,
        kind: "user",
        tenant: DEFAULT_TENANT,
        role: "owner",
        clearance: 0,
        claims: {},
      });
    },
  };
}

function claimedId(token: string): string | undefined {
  try {
    const { sub, userId } = decodeJwt(token);
    const id = sub ?? userId;
    return isPrincipalId(id) ? id : undefined;
  } catch {
    return undefined; // not a JWT: somebody all the same
  }
}
