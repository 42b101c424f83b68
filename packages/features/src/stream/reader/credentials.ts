import { PlexlineError } from "@plexline/protocol";
import type { CredentialSource } from "./options.ts";

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
