import { type LogWindow, PlexlineError, type Position } from "@plexline/protocol";
import {
  type Append,
  type Check,
  ConflictError,
  type Segment,
  type SegmentPlace,
  SNAPSHOT_CHUNK_BYTES_MAX,
} from "./storage.ts";

/** Refuses an append whose epoch or expected offset does not hold in the log's present window. */
export function assertAppend(append: Append, window: LogWindow): void {
  const { topic, epoch, expectedOffset } = append;
  assertEpoch(topic, epoch, window);
  if (expectedOffset !== undefined && expectedOffset !== window.head) {
    throw new ConflictError(`the log ${topic} is at offset ${window.head}, not ${expectedOffset}`);
  }
}

/** Refuses what is meant for another history of the log than its present one. */
export function assertEpoch(topic: string, epoch: string | undefined, window: LogWindow): void {
  if (epoch === undefined || epoch === window.epoch) return;
  throw new ConflictError(`the log ${topic} has epoch ${window.epoch}, not ${epoch}`);
}

/** Refuses a commit that was made for another version of a value; 0 is the version of a key that does not exist. */
export function assertCheck(check: Check, version: number): void {
  if (check.version === version) return;
  throw new ConflictError(`the key ${check.key} has version ${version}, not ${check.version}`);
}

/** Refuses a snapshot of another epoch, of entries that do not exist, or older than the stored one. */
export function assertSnapshot(
  topic: string,
  position: Position,
  window: LogWindow,
  stored: Position | undefined,
): void {
  assertEpoch(topic, position.epoch, window);
  if (position.offset > window.head) {
    throw new ConflictError(`the snapshot of ${topic} is ahead of the log, which is at ${window.head}`);
  }
  if (stored !== undefined && position.offset < stored.offset) {
    throw new ConflictError(`a newer snapshot of ${topic} exists, at offset ${stored.offset}`);
  }
}

/** Refuses a snapshot that names a segment which is not there as it says. */
export function assertSegments(topic: string, named: readonly Segment[], stored: readonly Segment[]): void {
  for (const { name, chunks } of named) {
    if (stored.some((segment) => segment.name === name && segment.chunks === chunks)) continue;
    throw new ConflictError(`the segment ${name} of ${topic} is not there with ${chunks} chunks`);
  }
}

/** Refuses chunks of a segment of another epoch, or that leave a hole or overwrite what is there. */
export function assertPlace(
  topic: string,
  { epoch, name, from }: SegmentPlace,
  window: LogWindow,
  stored: Segment | undefined,
): void {
  assertEpoch(topic, epoch, window);
  if (name.length === 0 || name.length > SEGMENT_NAME_MAX) {
    throw new PlexlineError("PAYLOAD_INVALID", {
      message: `The name of a segment has 1 to ${SEGMENT_NAME_MAX} characters.`,
    });
  }
  const chunks = stored?.chunks ?? 0;
  if (from === 0 || from === chunks) return;
  throw new ConflictError(`the segment ${name} of ${topic} has ${chunks} chunks, not ${from}`);
}

const SEGMENT_NAME_MAX = 64;

/** Refuses chunks larger than readers of a snapshot are promised. */
export function assertChunks(chunks: readonly Uint8Array[]): void {
  if (chunks.every((chunk) => chunk.length <= SNAPSHOT_CHUNK_BYTES_MAX)) return;
  throw new PlexlineError("PAYLOAD_INVALID", {
    message: `A chunk of a snapshot is larger than ${SNAPSHOT_CHUNK_BYTES_MAX} bytes.`,
    fix: "Split the snapshot into smaller chunks.",
  });
}
