import { PlexlineError } from "@plexline/protocol";
import { decodeBase64 } from "../encoding/base64.ts";
import type { SeedInput } from "./protocol.ts";

/** Reads the update in the input of `seed` [DC21]. Throws PAYLOAD_INVALID for what is none. */
export function readSeed(input: unknown): Uint8Array {
  const { update } = (typeof input === "object" && input !== null ? input : {}) as Partial<SeedInput>;
  if (typeof update !== "string") throw refusal("update must be a text");
  const bytes = decodeBase64(update);
  if (bytes === null || bytes.length === 0) throw refusal("update is not base64");
  return bytes;
}

function refusal(why: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", {
    message: `The input of seed cannot be read: ${why}.`,
    fix: 'Send { "update": base64 } with an update as encodeStateAsUpdate() of Yjs 13 makes it.',
  });
}
