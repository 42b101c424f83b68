import type { BinaryMessage } from "@plexline/protocol";
import { decodeDocEvent, encodeDocEvent } from "../../event.ts";
import { DOC_KIND } from "../../protocol.ts";

/** The event that carries a stateless message of a client to the others [DC20]. */
const NAME = "stateless";

/** Throws a PlexlineError MALFORMED_MESSAGE for a text that is too long. */
export function encodeStatelessEvent(text: string): Uint8Array {
  return encodeDocEvent({ name: NAME, data: text });
}

/**
 * What providers are told of an event or a notice: of `stateless` its text, of any other notice its name and data as JSON; null
 * for other events, which are the business of clients who know them.
 */
export function decodeStateless({ kind, payload }: Pick<BinaryMessage, "kind" | "payload">): string | null {
  const { name, data } = decodeDocEvent(payload);
  if (name === NAME) return typeof data === "string" ? data : JSON.stringify(data);
  return kind === DOC_KIND.notice ? JSON.stringify({ name, data }) : null;
}
