import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { type AppendOutput, type CreateOutput, STREAM_COMMAND, type StreamInfo } from "../../protocol.ts";
import { ask } from "./exchange.ts";
import { COPY_PAGE, type ForkParts, type ForkPlan } from "./fork-plan.ts";
import { type Ancestor, type DurableRecord, recordOf, withRecord } from "./record.ts";
import { readSlice, type Slice } from "./slice.ts";

/** Forks of forks that a fork still knows the offsets of. */
const ANCESTORS_MAX = 16;
/** Producer under which chunks are copied, so that none is copied twice. No header can carry its name. */
const COPIER = "\u2442 fork";

/** A fork to be copied into a topic. */
interface Copy extends ForkParts {
  readonly topic: string;
  readonly plan: ForkPlan;
}

/** Copies the chunks up to the anchor, then what follows them. Whoever finds the copy begun goes on with it. */
export async function copyFork(session: EndpointSession, copy: Copy): Promise<CreateOutput> {
  const { anchor, tail } = copy.plan;
  const start = { epoch: anchor.epoch, offset: 0 };
  const first = anchor.offset === 0 ? null : await readPage(session, copy, start);
  if (first === null || (first.isTail && first.chunks.length + tail.length <= COPY_PAGE.entriesMax))
    return copyAtOnce(session, copy, first?.chunks ?? []);
  const copying: DurableRecord = { fork: { ...copy.plan.record, isCopying: true } };
  const { info: begun } = await ask<CreateOutput>(session, copy.topic, STREAM_COMMAND.create, {
    ...lookOf(copy),
    metadata: withRecord(undefined, copying),
  });
  if (!recordOf(begun).fork?.isCopying) return { created: false, info: begun };
  const info = await copyInPages(session, copy, first);
  return { created: true, info };
}

/** Makes the whole fork in one commit. */
function copyAtOnce(session: EndpointSession, copy: Copy, copied: readonly unknown[]): Promise<CreateOutput> {
  const { topic, plan, wanted } = copy;
  return ask<CreateOutput>(session, topic, STREAM_COMMAND.create, {
    ...lookOf(copy),
    values: [...copied, ...plan.tail],
    metadata: withRecord(undefined, finished(copy, copied.length)),
    close: wanted.isClosed,
  });
}

/** Fills a fork that has been made, and says that it is whole when it is. */
async function copyInPages(session: EndpointSession, copy: Copy, first: Slice): Promise<StreamInfo> {
  const { topic, plan, wanted } = copy;
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
  for (let slice = first; ; slice = await readPage(session, copy, slice.next)) {
    if (slice.chunks.length > 0) await append(slice.chunks);
    count += slice.chunks.length;
    if (slice.isTail) break;
  }
  if (plan.tail.length > 0) await append(plan.tail);
  if (wanted.isClosed)
    await ask(session, topic, STREAM_COMMAND.append, { values: [], close: true, existing: true });
  return ask<StreamInfo>(session, topic, STREAM_COMMAND.describe, {
    metadata: withRecord(undefined, finished(copy, count)),
  });
}

function readPage(session: EndpointSession, { source, info, plan }: Copy, since: Position): Promise<Slice> {
  return readSlice(session, source, { since, info, limits: COPY_PAGE, upTo: plan.anchor.offset });
}

/** What the fork is created as. */
function lookOf({ info, plan }: Copy) {
  return { kind: info.kind, contentType: plan.contentType, ...plan.lifetime };
}

/** The record of a fork that is whole, with so many chunks of its source. */
function finished({ info, plan }: Copy, count: number): DurableRecord {
  return { fork: { ...plan.record, ancestors: ancestorsOf(info, plan.anchor, count) } };
}

/** Where offsets of the source, and of what that was forked from, are found in the fork [DS24]. */
function ancestorsOf(source: StreamInfo, { epoch, offset }: Position, here: number): readonly Ancestor[] {
  const nearest = { epoch, offset, here };
  const others = (recordOf(source).fork?.ancestors ?? [])
    .filter((ancestor) => ancestor.here <= offset && offset === here)
    .slice(0, ANCESTORS_MAX - 1);
  return [nearest, ...others];
}
