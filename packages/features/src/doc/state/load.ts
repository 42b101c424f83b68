import { PlexlineError } from "@plexline/protocol";
import type { BinaryEntry, TopicContext } from "@plexline/server";
import { decodeDeletions } from "../deletions.ts";
import { DOC_KIND } from "../protocol.ts";
import type { HeaderPart } from "../segment.ts";
import { type DocumentSnapshot, readDocumentSnapshot } from "../snapshot-cache.ts";
import { SegmentGone, type StoredSegment, turnOf } from "../stored-segment.ts";
import { scanUpdate } from "../update/scan.ts";
import type { UpdateScan } from "../update/update-scan.ts";
import type { DocWorker } from "../worker/jobs.ts";
import { takeableOfEntry } from "./classify.ts";
import type { DocumentState } from "./document-state.ts";
import { ENTRY_SCAN } from "./entry-scan.ts";

const PAGE_LIMITS = { entriesMax: 500, bytesMax: 1024 * 1024 };

/** Parts of a header, each of which is short, that are taken before other work has its turn. */
const PARTS_PER_TURN = 8;

/** What was read. */
export interface Loaded {
  /** Offset of the last entry. */
  readonly head: number;
  /** What of the log follows the snapshot. */
  readonly tailEntries: number;
  readonly tailBytes: number;
}

/** How entries are scanned: those of more than `scanBytesMax` bytes by the worker. */
export interface EntryScanner {
  readonly worker: DocWorker;
  readonly scanBytesMax: number;
}

/** Makes the state what the snapshot and the log after it say. Other work gets its turn between two pages. */
export async function loadDocument(
  topic: TopicContext,
  state: DocumentState,
  scanner: EntryScanner,
): Promise<Loaded> {
  let head = await loadSnapshot(topic, state);
  let tailEntries = 0;
  let tailBytes = 0;
  for (;;) {
    const { entries } = await topic.readEntries(head, PAGE_LIMITS);
    const last = entries.at(-1);
    if (!last || topic.signal.aborted) break;
    for (const entry of entries) {
      await takeEntry(topic, state, scanner, entry);
      tailBytes += entry.payload.length;
    }
    tailEntries += entries.length;
    head = last.offset;
    if (head >= (topic.window?.head ?? 0)) break;
    await turnOf(topic);
  }
  return { head, tailEntries, tailBytes };
}

/** Takes what the snapshot holds. Returns the offset up to which the state is what the log says. */
async function loadSnapshot(topic: TopicContext, state: DocumentState): Promise<number> {
  for (;;) {
    state.reset();
    let head = topic.window?.floor ?? 0;
    const snapshot = await readSnapshot(topic);
    try {
      for (const [index, segment] of (snapshot?.segments ?? []).entries()) {
        if (topic.signal.aborted) break;
        const isTaken = await takeSegment(topic, state, segment, index === 0);
        // The log is read from here on, entry by entry.
        if (!isTaken && segment.to > (topic.window?.floor ?? 0)) break;
        head = segment.to;
      }
      return head;
    } catch (error) {
      // A newer one has been stored since.
      if (!(error instanceof SegmentGone)) throw error;
    }
  }
}

/**
 * Takes a segment; false if something that it builds on is missing, and nothing of it has been taken. A document that has been folded
 * builds on nothing.
 */
async function takeSegment(
  topic: TopicContext,
  state: DocumentState,
  segment: StoredSegment,
  isBase: boolean,
): Promise<boolean> {
  const parts: HeaderPart[] = [];
  for await (const read of segment.header()) {
    if (isBase) for (const part of read) takePart(state, part);
    else parts.push(...read);
  }
  if (isBase) return true;
  if (segment.hasPending || !isContiguous(state, parts)) {
    topic.log.warn({ action: "yjs.segment.gap", topic: topic.topic, offset: segment.to });
    return false;
  }
  for (const [index, part] of parts.entries()) {
    if (index % PARTS_PER_TURN === PARTS_PER_TURN - 1) await turnOf(topic);
    takePart(state, part);
  }
  return true;
}

function takePart(state: DocumentState, part: HeaderPart): void {
  if (part.kind === "clocks") {
    const clocks = new Map<number, number>();
    for (let at = 0; at < part.clocks.length; at += 3) {
      const [client, to] = [part.clocks[at]!, part.clocks[at + 2]!];
      if (to > state.clockOf(client)) clocks.set(client, to);
    }
    state.take({ clocks, deletions: new Map() }, part.user);
  } else if (part.kind === "deletions") {
    state.take({ clocks: new Map(), deletions: decodeDeletions(part.update) }, undefined);
  }
}

/** Whether everything of a segment goes on where the document ends, and refers to what is there. */
function isContiguous(state: DocumentState, parts: readonly HeaderPart[]): boolean {
  const ends = new Map<number, number>();
  const reach = (client: number): number => ends.get(client) ?? state.clockOf(client);
  for (const part of parts) {
    if (part.kind !== "clocks") continue;
    const { clocks } = part;
    for (let at = 0; at < clocks.length; at += 3) {
      if (clocks[at + 1]! > state.clockOf(clocks[at]!)) return false;
      ends.set(clocks[at]!, Math.max(clocks[at + 2]!, state.clockOf(clocks[at]!)));
    }
  }
  return parts.every((part) => {
    if (part.kind === "needs")
      return part.needs.every((clock, at) => at % 2 === 0 || clock <= reach(part.needs[at - 1]!));
    if (part.kind !== "deletions") return true;
    return [...decodeDeletions(part.update)].every(([client, ranges]) => ranges.at(-1)! <= reach(client));
  });
}

/**
 * Takes what the state lacks of an entry. One that cannot be read is left out: a document must not be lost for one update.
 * Should the log have a hole, the state stays below it, and what is behind it is asked for and stored again.
 */
export function takeEntry(
  topic: TopicContext,
  state: DocumentState,
  { worker, scanBytesMax }: EntryScanner,
  entry: BinaryEntry,
): Promise<void> | void {
  if (entry.kind !== DOC_KIND.update) return;
  const take = (scan: UpdateScan): void => {
    const { taking, isComplete } = takeableOfEntry(state, scan);
    state.take(taking, entry.user);
    if (!isComplete) topic.log.warn({ ...fields(topic, entry), action: "yjs.entry.gap" });
  };
  const skip = (error: unknown): void =>
    topic.log.error({ ...fields(topic, entry), action: "yjs.entry.invalid", error });
  if (entry.payload.length > scanBytesMax)
    return worker.scan(entry.payload, ENTRY_SCAN).then(take).catch(skip);
  try {
    take(scanUpdate(entry.payload, ENTRY_SCAN));
  } catch (error) {
    skip(error);
  }
}

function fields(topic: TopicContext, { offset, user }: BinaryEntry) {
  return { topic: topic.topic, offset, userId: user };
}

/** The stored snapshot, unless it is of another log or cannot be read: the log holds everything too. */
async function readSnapshot(topic: TopicContext): Promise<DocumentSnapshot | undefined> {
  try {
    const stored = await readDocumentSnapshot(topic);
    return stored?.position.epoch === topic.window?.epoch ? stored : undefined;
  } catch (error) {
    if (!(error instanceof PlexlineError) || error.code !== "INTERNAL") throw error;
    topic.log.error({ action: "yjs.snapshot.invalid", topic: topic.topic, error });
    return undefined;
  }
}
