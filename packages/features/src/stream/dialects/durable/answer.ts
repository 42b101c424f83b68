import type { Position } from "@plexline/protocol";
import { formatCursor } from "../../cursor.ts";
import type { StreamInfo } from "../../protocol.ts";
import { EVERY_ANSWER, HEADER } from "./header.ts";
import { tailOf } from "./record.ts";

/** An answer with what every one has. */
export function answer(
  status: number,
  headers: Readonly<Record<string, string>>,
  body: BodyInit | null = null,
): Response {
  return new Response(body, { status, headers: { ...EVERY_ANSWER, ...headers } });
}

/** Where a stream stands, for the answers that are about all of it [DS7]. */
export function streamHeaders(info: StreamInfo): Record<string, string> {
  return {
    "Content-Type": info.contentType,
    ...standing(tailOf(info), info.closed !== null),
    ...(info.ttlMs === undefined ? {} : { [HEADER.ttl]: String(info.ttlMs / 1_000) }),
    ...(info.expiresAtMs === undefined
      ? {}
      : { [HEADER.expiresAt]: new Date(info.expiresAtMs).toISOString() }),
    "Cache-Control": "no-store",
  };
}

/** Where whoever asked stands, and whether that is the end. */
export function standing(position: Position, isEnd: boolean): Record<string, string> {
  return { [HEADER.nextOffset]: formatCursor(position), ...(isEnd ? { [HEADER.closed]: "true" } : {}) };
}
