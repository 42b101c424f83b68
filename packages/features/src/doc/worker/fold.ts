import { PlexlineError } from "@plexline/protocol";
import * as Y from "yjs";
import { cutDeletions } from "../segment.ts";
import { scanUpdate } from "../update/scan.ts";
import type { ScanLimits, SectionScan, StateVector, UpdateScan } from "../update/update-scan.ts";
import { updatesOf } from "./batch.ts";
import { compact } from "./compact.ts";
import type { Folded, FoldJob, Pieces } from "./jobs.ts";

/** What is stored has been accepted, and only its form counts. */
const STORED: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: Number.MAX_SAFE_INTEGER,
  depthMax: 512,
  clockMax: Number.MAX_SAFE_INTEGER,
  fillerMax: Number.MAX_SAFE_INTEGER,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};

/** Updates that are merged at once: merging takes more than their number's worth of time. */
const MERGED_AT_ONCE = 64;

/** Carries out a job. Imports Yjs, and so runs in a thread of its own. */
export function fold({ how, segments, batches }: FoldJob): Folded {
  const before = segments.map(join);
  const updates = updatesOf(batches);
  const folded = how === "fold" ? foldAll(before, updates) : mergeAll(before, updates);
  return { ...folded, update: owned(folded.update) };
}

type FoldedViews = Omit<Folded, "update"> & { readonly update: Uint8Array };

/** A buffer that is not all the update's may be far larger than it, or another one's too. */
function owned(update: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = update;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === update.length;
  return isWhole ? (update as Uint8Array<ArrayBuffer>) : new Uint8Array(update);
}

function foldAll(segments: readonly Uint8Array[], updates: readonly Uint8Array[]): FoldedViews {
  const [snapshot, ...rest] = segments;
  const {
    update,
    stateVector,
    deletions,
    hasPending,
    skipped = [],
  } = compact({
    snapshot,
    updates: [...rest, ...updates],
  });
  if (skipped.some((index) => index < rest.length)) {
    throw new PlexlineError("UPDATE_INVALID", { message: "A segment of the document cannot be applied." });
  }
  return {
    update,
    clocks: Float64Array.from([...stateVector].flatMap(([client, clock]) => [client, 0, clock])),
    needs: new Float64Array(),
    deletions: cutDeletions(deletions),
    ...(hasPending === undefined ? {} : { hasPending }),
    skipped: skipped.map((index) => index - rest.length),
  };
}

function mergeAll(segments: readonly Uint8Array[], updates: readonly Uint8Array[]): FoldedViews {
  const skipped: number[] = [];
  const good = updates.filter((update, index) => {
    if (isReadable(update)) return true;
    skipped.push(index);
    return false;
  });
  const update = mergeTree([...segments, ...good]);
  const scan = scanUpdate(update, STORED);
  return {
    update,
    clocks: Float64Array.from(scan.sections.flatMap(({ client, from, to }) => [client, from, to])),
    needs: needsOf(scan),
    deletions: cutDeletions(scan.deletions),
    hasPending: scan.sections.some(({ to, end }) => to < end),
    skipped,
  };
}

function isReadable(update: Uint8Array): boolean {
  try {
    scanUpdate(update, STORED);
    return true;
  } catch {
    return false;
  }
}

/** Merges many updates a few at a time, and then what came of that. */
export function mergeTree(updates: readonly Uint8Array[]): Uint8Array {
  let level = updates;
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += MERGED_AT_ONCE)
      next.push(Y.mergeUpdates(level.slice(at, at + MERGED_AT_ONCE)));
    level = next;
  }
  return level[0] ?? Uint8Array.of(0, 0);
}

/** The highest clock of each client id that structs refer to and that does not come with them. */
function needsOf({ sections }: UpdateScan): Float64Array {
  const ends: StateVector = new Map(sections.map(({ client, to }) => [client, to]));
  const needs = new Map<number, number>();
  for (const { needs: list } of sections satisfies readonly SectionScan[])
    for (let at = 0; at < list.length; at += 3) {
      const [client, clock] = [list[at + 1]!, list[at + 2]!];
      if ((ends.get(client) ?? 0) < clock && (needs.get(client) ?? 0) < clock) needs.set(client, clock);
    }
  return Float64Array.from([...needs].flat());
}

function join(pieces: Pieces): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(pieces.reduce((bytes, piece) => bytes + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
