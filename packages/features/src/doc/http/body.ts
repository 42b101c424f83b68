import { PlexlineError, parseJson } from "@plexline/protocol";
import { decodeBase64 } from "../../encoding/base64.ts";
import { bodyTooLarge, decodeText, mediaTypeOf, readBody } from "../../http/body.ts";
import { HttpRefusal } from "../../http/failure.ts";

/** Nesting of JSON in a body. */
const DEPTH_MAX = 64;
/** What JSON adds around the base64 of an update: the name, quotes, braces, and room for spaces. */
const ENVELOPE_BYTES = 1_024;
const FIX_TOO_LARGE = "Send less at once, or raise updateBytesMax of documentsApi and of the document.";

/**
 * Reads an update: the bytes as they are, or `{ "update": base64 }` as JSON [DH8].
 *
 * @param bytesMax Bytes of the update, in whichever form it comes.
 */
export async function readUpdate(request: Request, bytesMax: number): Promise<Uint8Array> {
  // `fetch` says nothing of the type of a byte array.
  const type = mediaTypeOf(request) ?? "application/octet-stream";
  const limit = { bytesMax, fix: FIX_TOO_LARGE };
  if (type === "application/octet-stream") return readBody(request, limit);
  if (type !== "application/json") throw unsupportedType("application/octet-stream or application/json");
  const jsonBytesMax = Math.ceil((bytesMax * 4) / 3) + ENVELOPE_BYTES;
  const { update } = parseObject(await readBody(request, { ...limit, bytesMax: jsonBytesMax }));
  const bytes = typeof update === "string" ? decodeBase64(update) : null;
  if (bytes === null) throw invalid('"update" must be a Yjs update as base64.');
  if (bytes.length > bytesMax) throw bodyTooLarge(limit);
  return bytes;
}

/** Reads a JSON object of at most so many bytes. */
export async function readObject(request: Request, bytesMax: number): Promise<Record<string, unknown>> {
  if (mediaTypeOf(request) !== "application/json") throw unsupportedType("application/json");
  return parseObject(await readBody(request, { bytesMax }));
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  const text = decodeText(bytes);
  if (text === null) throw invalid("The body is not UTF-8.");
  const value = parseJson(text, { depthMax: DEPTH_MAX });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("The body must be one JSON object.");
  return value as Record<string, unknown>;
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("MALFORMED_MESSAGE", { message, fix: "See /openapi.json beside the documents." });
}

function unsupportedType(types: string): HttpRefusal {
  return new HttpRefusal(415, "MALFORMED_MESSAGE", {
    message: "The body is of a type that is not taken here.",
    fix: `Send ${types}, and say so in Content-Type.`,
  });
}
