import { PlexlineError } from "@plexline/protocol";
import type { BinaryEntry, TopicContext } from "@plexline/server";
import { DOC_KIND } from "../protocol.ts";
import { type DocumentSnapshot, decodeSnapshot } from "../snapshot-format.ts";
import { scanUpdate } from "../update/scan.ts";
import type { ScanLimits, UpdateScan } from "../update/update-scan.ts";
import type { DocWorker } from "../worker/jobs.ts";
import { takeableOfEntry } from "./classify.ts";
import type { DocumentState } from "./document-state.ts";

const PAGE_LIMITS = { entriesMax: 500, bytesMax: 1024 * 1024 };

/** What is in the log has been accepted, maybe under limits that have been lowered since: only its form counts. */
export const ENTRY_SCAN: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: Number.MAX_SAFE_INTEGER,
  depthMax: 512,
  clockMax: Number.MAX_SAFE_INTEGER,
  fillerMax: Number.MAX_SAFE_INTEGER,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};

/** What was read. */
export interface Loaded {
  /** Offset of the last entry. */
  readonly head: number;
  /** What of the log follows the snapshot. */
  readonly tailEntries: number;
  readonly tailBytes: number;
  readonly snapshotBytes: number;
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
  const snapshot = await readSnapshot(topic);
  state.reset(snapshot);
  let head = snapshot?.position.offset ?? topic.window?.floor ?? 0;
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
    await new Promise<void>((resolve) => topic.clock.defer(resolve));
  }
  return { head, tailEntries, tailBytes, snapshotBytes: snapshot?.update.length ?? 0 };
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
  const stored = await topic.readSnapshot();
  if (!stored || stored.position.epoch !== topic.window?.epoch) return undefined;
  try {
    return decodeSnapshot(stored);
  } catch (error) {
    if (!(error instanceof PlexlineError)) throw error;
    topic.log.error({ action: "yjs.snapshot.invalid", topic: topic.topic, error });
    return undefined;
  }
}
