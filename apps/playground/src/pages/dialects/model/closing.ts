import type { Trouble } from "../../../editing/document-line.ts";
import { parseCodedText, troubleOf } from "../../../editing/document-line.ts";

const POLICY = 1008;
const TOKEN_ENDED = 4401;

/**
 * What a close code of a JSON dialect means: null when the client should come back, which is so for a token that ended on a
 * connection that had worked. Codes 4400 to 4499 and 1008 are for good.
 */
export function readClose(code: number, reason: string, hadWorked: boolean): Trouble | null {
  const isForGood = code === POLICY || (code >= 4400 && code < 4500);
  if (!isForGood) return null;
  const isToken = code === TOKEN_ENDED || /^(?:Token expired|Invalid token|Missing token)$/.test(reason);
  if (isToken && hadWorked) return null;
  if (reason === "Document replaced") return troubleOf("RESYNC", reason);
  const coded = parseCodedText(reason);
  if (coded) return troubleOf(coded.code, coded.message);
  return troubleOf(String(code), reason === "" ? "The server closed the connection." : `${reason}.`);
}
