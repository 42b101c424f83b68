import { PlexlineError, parseJson } from "@plexline/protocol";
import { decodeBase64 } from "../base64.ts";
import { HttpRefusal } from "./failure.ts";

/** Nesting of JSON in a body. */
const DEPTH_MAX = 64;
/** What JSON adds around the base64 of an update: the name, quotes, braces, and room for spaces. */
const ENVELOPE_BYTES = 1_024;

/**
 * Reads an update: the bytes as they are, or `{ "update": base64 }` as JSON [DH8].
 *
 * @param bytesMax Bytes of the update, in whichever form it comes.
 */
export async function readUpdate(request: Request, bytesMax: number): Promise<Uint8Array> {
  const type = mediaTypeOf(request);
  if (type === "application/octet-stream") return readBytes(request, bytesMax);
  if (type !== "application/json") throw unsupportedType("application/octet-stream or application/json");
  const { update } = parseObject(await readBytes(request, Math.ceil((bytesMax * 4) / 3) + ENVELOPE_BYTES));
  const bytes = typeof update === "string" ? decodeBase64(update) : null;
  if (bytes === null) throw invalid('"update" must be a Yjs update as base64.');
  if (bytes.length > bytesMax) throw tooLarge(bytesMax);
  return bytes;
}

/** Reads a JSON object of at most so many bytes. */
export async function readObject(request: Request, bytesMax: number): Promise<Record<string, unknown>> {
  if (mediaTypeOf(request) !== "application/json") throw unsupportedType("application/json");
  return parseObject(await readBytes(request, bytesMax));
}

/** Reads no more than is allowed, whatever the request says of its length. */
async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length")) > bytesMax) throw tooLarge(bytesMax);
  const reader = request.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > bytesMax) {
      void reader.cancel().catch(nothing);
      throw tooLarge(bytesMax);
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** What says nothing of its type is taken as bytes: `fetch` says nothing of the type of a byte array. */
function mediaTypeOf(request: Request): string {
  const type = request.headers.get("content-type") ?? "application/octet-stream";
  return (type.split(";")[0] ?? "").trim().toLowerCase();
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid("The body is not UTF-8.");
  }
  const value = parseJson(text, { depthMax: DEPTH_MAX });
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("The body must be one JSON object.");
  return value as Record<string, unknown>;
}

function nothing(): void {}

function invalid(message: string): PlexlineError {
  return new PlexlineError("MALFORMED_MESSAGE", { message, fix: "See /openapi.json beside the documents." });
}

function tooLarge(bytesMax: number): PlexlineError {
  return new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `The body is larger than the ${bytesMax} bytes that are taken here.`,
    fix: "Send less at once, or raise updateBytesMax of documentsApi and of the document.",
  });
}

function unsupportedType(types: string): HttpRefusal {
  return new HttpRefusal(415, "MALFORMED_MESSAGE", {
    message: "The body is of a type that is not taken here.",
    fix: `Send ${types}, and say so in Content-Type.`,
  });
}
