import type { Position } from "@plexline/protocol";
import { utf8Bytes } from "@plexline/protocol";
import type { LoggedPush, TopicContext } from "@plexline/server";
import type { FoldDefinition, ResolvedOptions } from "./options.ts";
import type { StreamFold } from "./protocol.ts";

/** The fold of a stream on this node: what has been announced of its log in one value. */
export interface FoldKeeper {
  /** Reads what is stored, and the log after it: at first, and when the log has begun anew. */
  open(): Promise<void>;
  /** An entry is announced. */
  add(event: LoggedPush): void;
  /** The fold with the position that it covers [ST27, ST28]. */
  read(): Promise<StreamFold>;
  /** Writes what is not stored yet. */
  close(): Promise<void>;
}

/** What is stored of a fold. */
interface StoredFold {
  readonly name: string;
  readonly state: unknown;
}

const SNAPSHOT_CHUNK_BYTES = 256 * 1024;
/** Entries after which a fold is stored, at most: whoever opens the stream reads as many. */
const STORE_AFTER_ENTRIES = 1_000;
/** A fold is stored when this part of what the log keeps has come since, so that nothing is dropped before. */
const STORE_AFTER_PART = 4;
const PAGE = { entriesMax: 500, bytesMax: 1024 * 1024 };

export function createFoldKeeper(
  topic: TopicContext,
  definition: FoldDefinition<unknown>,
  { history, limits }: ResolvedOptions,
): FoldKeeper {
  const name = definition.name ?? "";
  const storeAfter = {
    entries: Math.max(1, Math.min(STORE_AFTER_ENTRIES, Math.floor(history.entriesMax / STORE_AFTER_PART))),
    bytes: history.bytesMax / STORE_AFTER_PART,
    ms: (history.ageMaxMs ?? Number.POSITIVE_INFINITY) / STORE_AFTER_PART,
  };
  let state = definition.initial();
  let covered: Position = { epoch: "", offset: 0 };
  let stored = 0;
  let bytes = 0;
  let oldestAtMs = Number.POSITIVE_INFINITY;
  let writing: Promise<void> | null = null;
  let told: StreamFold | undefined;
  /** What is announced is added; until then it is in the log to be read. */
  let isOpen = false;
  let ready: Promise<void> | null = null;
  /** Number of the reading that counts: a later one makes those before it void. */
  let run = 0;

  const apply = ({ event, payload, offset, atMs, user }: LoggedPush): void => {
    if (offset <= covered.offset) return;
    const folded = { event, payload, offset, ...(atMs === undefined ? {} : { atMs }) };
    try {
      state = definition.apply(state, user === undefined ? folded : { ...folded, user });
    } catch (error) {
      // One entry that the fold cannot take must not end the stream.
      topic.log.error({ action: "stream.fold", topic: topic.topic, offset, error });
    }
    covered = { ...covered, offset };
    told = undefined;
    if (storeAfter.bytes < Number.POSITIVE_INFINITY) bytes += sizeOf(payload);
    oldestAtMs = Math.min(oldestAtMs, atMs ?? topic.clock.nowMs());
  };
  const isDue = (): boolean =>
    covered.offset - stored >= storeAfter.entries ||
    bytes >= storeAfter.bytes ||
    topic.clock.nowMs() - oldestAtMs >= storeAfter.ms;
  const store = async (): Promise<void> => {
    const position = covered;
    const text = new TextEncoder().encode(JSON.stringify({ name, state } satisfies StoredFold));
    stored = position.offset;
    bytes = 0;
    oldestAtMs = Number.POSITIVE_INFINITY;
    try {
      await topic.writeSnapshot(position, cut(text));
    } catch (error) {
      // Another node has stored a newer one, or the log has begun anew; otherwise it is tried with what comes next.
      if (error instanceof Error && error.name === "ConflictError") return;
      topic.log.warn({ action: "stream.fold.store", topic: topic.topic, error });
      if (covered.epoch === position.epoch) oldestAtMs = Number.NEGATIVE_INFINITY;
    }
  };
  const storeIfDue = (): void => {
    if (writing || !isDue()) return;
    writing = store().finally(() => {
      writing = null;
    });
  };

  /** Reads what is stored and what follows it, up to what has been announced by then: later entries are added. */
  const read = async (): Promise<void> => {
    run += 1;
    const mine = run;
    const snapshot = await topic.readSnapshot();
    if (mine !== run) return;
    const { epoch, floor } = topic.window ?? { epoch: "", floor: 0 };
    const kept = snapshot?.position.epoch === epoch ? decode(snapshot.chunks) : undefined;
    const base = kept?.name === name ? { state: kept.state, offset: snapshot?.position.offset ?? 0 } : null;
    state = base ? base.state : definition.initial();
    stored = base ? base.offset : floor;
    covered = { epoch, offset: Math.max(stored, floor) };
    told = undefined;
    bytes = 0;
    while (covered.offset < (topic.window?.head ?? 0)) {
      const page = await topic.readEvents(covered.offset, PAGE);
      if (mine !== run || page.epoch !== epoch) return;
      for (const event of page.events) apply(event);
      if (page.events.length > 0) continue;
      // What was to be read next has been dropped meanwhile.
      covered = { epoch, offset: Math.max(covered.offset + 1, page.floor) };
    }
    isOpen = true;
    storeIfDue();
  };
  const open = (): Promise<void> => {
    isOpen = false;
    const reading = read().catch((error: unknown) => {
      // Whoever asks next tries again.
      if (ready === reading) ready = null;
      throw error;
    });
    ready = reading;
    return reading;
  };

  return {
    open,
    add(event) {
      if (!isOpen) return;
      apply(event);
      storeIfDue();
    },
    async read() {
      // A restart may begin while another one is waited for.
      while (!isOpen) await (ready ?? open());
      told ??= {
        state: utf8Bytes(JSON.stringify(state) ?? "") > limits.foldBytesMax ? null : state,
        position: covered,
      };
      return told;
    },
    async close() {
      const wasOpen = isOpen;
      isOpen = false;
      run += 1;
      await writing;
      if (wasOpen && covered.offset > stored) await store();
    },
  };
}

/** About as many bytes as the entry of a payload has. */
function sizeOf(payload: unknown): number {
  return typeof payload === "string" ? payload.length + 100 : JSON.stringify(payload ?? null).length + 100;
}

function cut(bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += SNAPSHOT_CHUNK_BYTES)
    chunks.push(bytes.subarray(at, at + SNAPSHOT_CHUNK_BYTES));
  return chunks;
}

function decode(chunks: readonly Uint8Array[]): StoredFold | undefined {
  const decoder = new TextDecoder();
  const text = chunks.map((chunk) => decoder.decode(chunk, { stream: true })).join("") + decoder.decode();
  try {
    return JSON.parse(text) as StoredFold;
  } catch {
    return undefined;
  }
}
