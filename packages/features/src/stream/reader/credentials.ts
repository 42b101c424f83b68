import { PlexlineError } from "@plexline/protocol";
import type { CredentialSource } from "./options.ts";
import type { WireEnd } from "./wire.ts";

/** Asks for a token or a ticket; none without a source. Rejects with TOKEN_MISSING. */
export async function askFor<Name extends "token" | "ticket">(
  name: Name,
  source: CredentialSource | undefined,
  request: { readonly reason: "connect" | "rejected"; readonly attempt: number },
): Promise<{ readonly [Key in Name]?: string }> {
  if (source === undefined) return {};
  const told = typeof source === "string" ? source : await source(request);
  if (typeof told !== "string" || told === "")
    throw new PlexlineError("TOKEN_MISSING", { message: `The ${name} function gave none.` });
  return { [name]: told } as { readonly [Key in Name]?: string };
}

/**
 * A function that gives none, or says that it never will, is refused like bad credentials. One that failed otherwise, as a
 * request does while the server restarts, may succeed later.
 */
export function endOfSource(reason: unknown): WireEnd {
  const isFinal = reason instanceof PlexlineError && reason.retry !== "later";
  if (isFinal) return { kind: "token", error: reason };
  return { kind: "source", error: PlexlineError.from(reason, "TOKEN_MISSING") };
}
