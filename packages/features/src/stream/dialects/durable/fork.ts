import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { type AppendOutput, type CreateOutput, STREAM_COMMAND, type StreamInfo } from "../../protocol.ts";
import { pathIn, topicOf } from "./address.ts";
import { baseType, chunksOf, headOf, measureOf } from "./content.ts";
import { ask, type Exchange } from "./exchange.ts";
import { DurableRefusal, refuse } from "./failure.ts";
import { HEADER, readWhole } from "./header.ts";
import { checkOffset, placeOf } from "./place.ts";
import {
  type Ancestor,
  type DurableRecord,
  type ForkRecord,
  recordOf,
  tailOf,
  withRecord,
} from "./record.ts";
import { addFork, dropFork } from "./references.ts";
import { readSlice } from "./slice.ts";
import type { Wanted } from "./writing.ts";

/** Chunks that are copied in one commit. */
const PAGE = { entriesMax: 500, bytesMax: 512 * 1024 };
/** Forks of forks that a fork still knows the offsets of. */
const ANCESTORS_MAX = 16;
/** Producer under which chunks are copied, so that none is copied twice. No header can carry its name. */
const COPIER = "\u2442 fork";

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

/**
 * Makes a stream with the first chunks of another one [DS23 to DS26]. They are copied: the fork has its own access, retention
 * and life, and nothing of the source has to stay for it. The source knows its forks by name.
 */
export async function createFork(
  session: EndpointSession,
  exchange: Exchange,
  wanted: Wanted,
  fork: WantedFork,
): Promise<CreateOutput> {
  const { topic, settings, path } = exchange;
  const from = pathIn(fork.from, settings.prefix);
  const asked = { ...fork, from };
  const existing = await findStream(session, topic);
  if (existing && !recordOf(existing).fork?.isCopying)
    return { created: false, info: sameFork(existing, wanted, asked) };
  const source = topicOf(from, settings.topic);
  const info = await sourceInfo(session, source, wanted);
  const plan = await planFork(session, { source, info, asked, wanted });
  await addFork(session, { source, fork: path, info });
  try {
    const made = await copyFork(session, { topic, source, info, plan, wanted });
    return made.created ? made : { created: false, info: sameFork(made.info, wanted, asked) };
  } catch (error) {
    // Somebody else may have made the same fork meanwhile, or may go on with it.
    if ((await findStream(session, topic)) === null) await dropFork(session, exchange, { from, fork: path });
    throw error;
  }
}

interface Plan {
  readonly contentType: string;
  readonly record: ForkRecord;
  readonly lifetime: Pick<StreamInfo, "ttlMs" | "expiresAtMs">;
  /** The last entry of the source that is copied whole. */
  readonly anchor: Position;
  /** What follows the copy: the sub-offset's part of the source, and the body. */
  readonly tail: readonly unknown[];
}

async function sourceInfo(session: EndpointSession, source: string, wanted: Wanted): Promise<StreamInfo> {
  const info = await findStream(session, source);
  if (!info || recordOf(info).fork?.isCopying)
    throw refuse(404, "The stream to fork is not there.", `Name another one in ${HEADER.forkedFrom}.`);
  if (recordOf(info).isGone)
    throw refuse(409, "The stream to fork was deleted.", `Name another one in ${HEADER.forkedFrom}.`);
  if (wanted.contentType !== null && baseType(wanted.contentType) !== baseType(info.contentType))
    throw refuse(409, `The stream to fork is of type ${info.contentType}.`, "A fork is of the same type.");
  return info;
}

async function planFork(
  session: EndpointSession,
  {
    source,
    info,
    asked,
    wanted,
  }: {
    readonly source: string;
    readonly info: StreamInfo;
    readonly asked: WantedFork;
    readonly wanted: Wanted;
  },
): Promise<Plan> {
  const anchor = asked.offset === null ? tailOf(info) : anchorOf(asked.offset, info);
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
function anchorOf(offset: string, info: StreamInfo): Position {
  try {
    return placeOf(offset, info);
  } catch (error) {
    if (!(error instanceof DurableRefusal)) throw error;
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
  }: {
    readonly source: string;
    readonly info: StreamInfo;
    readonly anchor: Position;
    readonly sub: number;
  },
): Promise<readonly unknown[]> {
  const taken: unknown[] = [];
  let left = sub;
  let since = anchor;
  for (;;) {
    const slice = await readSlice(session, source, { since, info, limits: PAGE });
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

/** Copies the chunks up to the anchor, then what follows them. Whoever finds the copy begun goes on with it. */
async function copyFork(
  session: EndpointSession,
  {
    topic,
    source,
    info,
    plan,
    wanted,
  }: {
    readonly topic: string;
    readonly source: string;
    readonly info: StreamInfo;
    readonly plan: Plan;
    readonly wanted: Wanted;
  },
): Promise<CreateOutput> {
  const { contentType, lifetime, anchor, tail } = plan;
  const { kind } = info;
  const start = { epoch: anchor.epoch, offset: 0 };
  const page = (since: Position) =>
    readSlice(session, source, { since, info, limits: PAGE, upTo: anchor.offset });
  const first = anchor.offset === 0 ? null : await page(start);
  const made = { kind, contentType, ...lifetime };
  if (first === null || (first.isTail && first.chunks.length + tail.length <= PAGE.entriesMax)) {
    const copied = first?.chunks ?? [];
    const record = { fork: { ...plan.record, ancestors: ancestorsOf(info, anchor, copied.length) } };
    return ask<CreateOutput>(session, topic, STREAM_COMMAND.create, {
      ...made,
      values: [...copied, ...tail],
      metadata: withRecord(undefined, record),
      close: wanted.isClosed,
    });
  }
  const copying: DurableRecord = { fork: { ...plan.record, isCopying: true } };
  const { info: begun } = await ask<CreateOutput>(session, topic, STREAM_COMMAND.create, {
    ...made,
    metadata: withRecord(undefined, copying),
  });
  if (!recordOf(begun).fork?.isCopying) return { created: false, info: begun };
  let count = 0;
  let sequence = 0;
  const append = async (values: readonly unknown[]) => {
    const producer = { id: COPIER, generation: 0, sequence };
    const output = await ask<AppendOutput>(session, topic, STREAM_COMMAND.append, {
      values,
      producer,
      existing: true,
    });
    if (!output.accepted)
      throw new PlexlineError("RESYNC", { message: "The fork was changed while it was made." });
    sequence += 1;
  };
  for (let slice = first; ; slice = await page(slice.next)) {
    if (slice.chunks.length > 0) await append(slice.chunks);
    count += slice.chunks.length;
    if (slice.isTail) break;
  }
  if (tail.length > 0) await append(tail);
  if (wanted.isClosed)
    await ask(session, topic, STREAM_COMMAND.append, { values: [], close: true, existing: true });
  const record = { fork: { ...plan.record, ancestors: ancestorsOf(info, anchor, count) } };
  const described = await ask<StreamInfo>(session, topic, STREAM_COMMAND.describe, {
    metadata: withRecord(undefined, record),
  });
  return { created: true, info: described };
}

/** Where offsets of the source, and of what that was forked from, are found in the fork [DS24]. */
function ancestorsOf(source: StreamInfo, { epoch, offset }: Position, here: number): readonly Ancestor[] {
  const nearest = { epoch, offset, here };
  const others = (recordOf(source).fork?.ancestors ?? [])
    .filter((ancestor) => ancestor.here <= offset && offset === here)
    .slice(0, ANCESTORS_MAX - 1);
  return [nearest, ...others];
}

/** The stream as it is, if it is the fork that is wanted; else 409 [DS26]. */
function sameFork(info: StreamInfo, wanted: Wanted, asked: WantedFork): StreamInfo {
  const { fork, isGone } = recordOf(info);
  const { ttlMs, expiresAtMs } = wanted.lifetime;
  const isSame =
    !isGone &&
    fork !== undefined &&
    fork.from === asked.from &&
    offsetKey(fork) === offsetKey(asked) &&
    fork.sub === asked.sub &&
    (wanted.contentType === null || baseType(wanted.contentType) === baseType(info.contentType)) &&
    (fork.inherits
      ? ttlMs === undefined && expiresAtMs === undefined
      : ttlMs === info.ttlMs && expiresAtMs === info.expiresAtMs) &&
    (info.closed !== null) === wanted.isClosed;
  if (isSame) return info;
  throw refuse(409, "There is another stream of this name already.", "Choose another name.");
}

function offsetKey({ offset }: Pick<WantedFork, "offset">): string {
  return offset ?? "tail";
}

async function findStream(session: EndpointSession, topic: string): Promise<StreamInfo | null> {
  try {
    return await ask<StreamInfo>(session, topic, STREAM_COMMAND.info);
  } catch (error) {
    if (error instanceof PlexlineError && error.code === "STREAM_ABSENT") return null;
    throw error;
  }
}
