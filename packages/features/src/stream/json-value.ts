import { PlexlineError, utf8Bytes } from "@plexline/protocol";
import { guardJson } from "../encoding/json-guard.ts";

/** Nesting of a value: with what is around it in a message that is 32, the most that the wire takes by default. */
const DEPTH = { depthMax: 28 };

/**
 * Checks that a value is JSON through and through, of at most `bytesMax` bytes. Throws PAYLOAD_INVALID or JSON_TOO_DEEP with
 * the field's name, or MESSAGE_TOO_LARGE with the setting's.
 */
export function assertJson(value: unknown, field: string, bytesMax: number, setting: string): void {
  if (guardJson(value, field, DEPTH) <= bytesMax) return;
  if (utf8Bytes(JSON.stringify(value)) <= bytesMax) return;
  throw new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `${field} has more than ${bytesMax} bytes of JSON.`,
    fix: `Send less at once, or raise ${setting} in the stream's definition.`,
  });
}
