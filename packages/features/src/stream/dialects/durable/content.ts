import { parseJson } from "@plexline/protocol";
import { decodeBase64, encodeBase64 } from "../../../encoding/base64.ts";
import { concatBytes } from "../../../encoding/concat-bytes.ts";
import type { StreamKind } from "../../protocol.ts";
import { refuse } from "./failure.ts";

/** Nesting of a JSON message. */
const DEPTH_MAX = 64;
/** A chunk of bytes or text is at most so large, so that no body makes one that the stream would not take. */
const PIECE_BYTES = 128 * 1024;

const encoder = new TextEncoder();

/** A media type without parameters, in lower case. */
export function baseType(contentType: string): string {
  return (contentType.split(";")[0] ?? "").trim().toLowerCase();
}

/** What the chunks of a stream of this media type are [DS6]. */
export function kindOf(contentType: string): StreamKind {
  const type = baseType(contentType);
  if (type === "application/json") return "json";
  return type.startsWith("text/") ? "text" : "bytes";
}

/** The chunks of a body: the messages of JSON, one level of arrays taken off; pieces of anything else. */
export function chunksOf(kind: StreamKind, body: Uint8Array): readonly unknown[] {
  if (body.length === 0) return [];
  if (kind === "bytes") return piecesOf(body).map(encodeBase64);
  const text = decode(body);
  if (kind === "text") return textPieces(text);
  const value = parseJson(text, { depthMax: DEPTH_MAX });
  return Array.isArray(value) ? value : [value];
}

/** The body that chunks are read as. */
export function bodyOf(kind: StreamKind, chunks: readonly unknown[]): string | Uint8Array<ArrayBuffer> {
  if (kind === "json") return JSON.stringify(chunks);
  if (kind === "text") return chunks.join("");
  return bytesOf(chunks);
}

/** What the chunks of a stream of bytes are together. */
export function bytesOf(chunks: readonly unknown[]): Uint8Array<ArrayBuffer> {
  return concatBytes(chunks.map(bytesOfChunk));
}

/** A stream of bytes takes nothing but base64 into its log. */
function bytesOfChunk(chunk: unknown): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64(String(chunk));
  if (bytes === null) throw new TypeError("A chunk of a stream of bytes is no base64.");
  return bytes;
}

/** How far a sub-offset reaches into a chunk: messages for JSON, where a chunk is one, else bytes. */
export function measureOf(kind: StreamKind, chunk: unknown): number {
  if (kind === "json") return 1;
  return kind === "text" ? encoder.encode(String(chunk)).length : bytesOfChunk(chunk).length;
}

/** The first bytes of a chunk that is no JSON. */
export function headOf(kind: StreamKind, chunk: unknown, bytes: number): unknown {
  if (kind === "bytes") return encodeBase64(bytesOfChunk(chunk).subarray(0, bytes));
  return decode(encoder.encode(String(chunk)).subarray(0, bytes));
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw refuse(
      400,
      "The text is not UTF-8, or a character of it is cut.",
      "Send whole characters; streams of type application/octet-stream take any bytes.",
    );
  }
}

function piecesOf(body: Uint8Array): readonly Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += PIECE_BYTES) pieces.push(body.subarray(at, at + PIECE_BYTES));
  return pieces;
}

/** Pieces of a text that do not cut a character of two units. */
function textPieces(text: string): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + PIECE_BYTES);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end -= 1;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}
