import type { Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { HttpRefusal } from "../../../http/failure.ts";
import type { StreamInfo } from "../../protocol.ts";
import { baseType, chunksOf, headOf, measureOf } from "./content.ts";
import { findStream } from "./exchange.ts";
import { refuse } from "./failure.ts";
import { HEADER, readWhole } from "./header.ts";
import { checkOffset, reachPlace } from "./place.ts";
import { type ForkRecord, recordOf, tailOf } from "./record.ts";
import { readSlice } from "./slice.ts";
import type { Wanted } from "./writing.ts";

/** Chunks of the source that are read at once, and copied in one commit. */
export const COPY_PAGE = { entriesMax: 500, bytesMax: 512 * 1024 };

/** What the headers of a PUT say of a fork. */
export interface WantedFork {
  readonly from: string;
  readonly offset: string | null;
  readonly sub: number;
}

/** Reads which fork is wanted; null if none [DS23]. */
export function readFork(headers: Headers): WantedFork | null {
  const from = headers.get(HEADER.forkedFrom);
  const offset = headers.get(HEADER.forkOffset);
  const sub = readWhole(headers, HEADER.forkSubOffset);
  if (from === null) {
    if (offset !== null || sub !== null)
      throw refuse(400, `${HEADER.forkedFrom} is missing.`, "Name the stream to fork.");
    return null;
  }
  if (offset === null && sub !== null && sub > 0)
    throw refuse(400, `${HEADER.forkSubOffset} needs ${HEADER.forkOffset}.`, "Say where it counts from.");
  return { from, offset: offset === null ? null : checkOffset(offset), sub: sub ?? 0 };
}

/** The stream that is forked, and what the fork is to be like. */
export interface ForkParts {
  /** Topic of the source. */
  readonly source: string;
  readonly info: StreamInfo;
  readonly wanted: Wanted;
}

/** What a fork is made of. */
export interface ForkPlan {
  readonly contentType: string;
  readonly record: ForkRecord;
  readonly lifetime: Pick<StreamInfo, "ttlMs" | "expiresAtMs">;
  /** The last entry of the source that is copied whole. */
  readonly anchor: Position;
  /** What follows the copy: the sub-offset's part of the source, and the body. */
  readonly tail: readonly unknown[];
}

/** The stream that is forked, if it can be. */
export async function sourceInfo(
  session: EndpointSession,
  source: string,
  wanted: Wanted,
): Promise<StreamInfo> {
  const info = await findStream(session, source);
  if (!info || recordOf(info).fork?.isCopying)
    throw refuse(404, "The stream to fork is not there.", `Name another one in ${HEADER.forkedFrom}.`);
  if (recordOf(info).isGone)
    throw refuse(409, "The stream to fork was deleted.", `Name another one in ${HEADER.forkedFrom}.`);
  if (wanted.contentType !== null && baseType(wanted.contentType) !== baseType(info.contentType))
    throw refuse(409, `The stream to fork is of type ${info.contentType}.`, "A fork is of the same type.");
  return info;
}

/** Decides what a fork begins with and where it is cut. */
export async function planFork(
  session: EndpointSession,
  { source, info, asked, wanted }: ForkParts & { readonly asked: WantedFork },
): Promise<ForkPlan> {
  const anchor = asked.offset === null ? tailOf(info) : await anchorOf(session, source, asked.offset, info);
  const { ttlMs, expiresAtMs } = wanted.lifetime;
  const inherits = ttlMs === undefined && expiresAtMs === undefined;
  const sub = asked.sub === 0 ? [] : await subOffset(session, { source, info, anchor, sub: asked.sub });
  const lifetime = inherits ? info : wanted.lifetime;
  return {
    contentType: wanted.contentType ?? info.contentType,
    record: { ...asked, inherits, ancestors: [] },
    lifetime: {
      ...(lifetime.ttlMs === undefined ? {} : { ttlMs: lifetime.ttlMs }),
      ...(lifetime.expiresAtMs === undefined ? {} : { expiresAtMs: lifetime.expiresAtMs }),
    },
    anchor,
    tail: [...sub, ...chunksOf(info.kind, wanted.body)],
  };
}

/** A fork cannot begin where the source does not have anything; that it was told so by another log is no excuse here. */
async function anchorOf(
  session: EndpointSession,
  source: string,
  offset: string,
  info: StreamInfo,
): Promise<Position> {
  try {
    return await reachPlace(session, source, offset, info);
  } catch (error) {
    if (!(error instanceof HttpRefusal)) throw error;
    throw refuse(
      400,
      "The stream to fork has no such offset.",
      `Give one of its own in ${HEADER.forkOffset}.`,
    );
  }
}

/** The chunks that a sub-offset reaches over, the last one perhaps cut. */
async function subOffset(
  session: EndpointSession,
  {
    source,
    info,
    anchor,
    sub,
  }: Omit<ForkParts, "wanted"> & { readonly anchor: Position; readonly sub: number },
): Promise<readonly unknown[]> {
  const taken: unknown[] = [];
  let left = sub;
  let since = anchor;
  for (;;) {
    const slice = await readSlice(session, source, { since, info, limits: COPY_PAGE });
    for (const chunk of slice.chunks) {
      const measure = measureOf(info.kind, chunk);
      if (left < measure) return [...taken, headOf(info.kind, chunk, left)];
      taken.push(chunk);
      left -= measure;
      if (left === 0) return taken;
    }
    if (slice.isTail)
      throw refuse(400, `${HEADER.forkSubOffset} is beyond what the source has.`, "Give a smaller one.");
    since = slice.next;
  }
}
