import type { LogWindow } from "@plexline/protocol";
import type { Random } from "../platform/random.ts";
import { epochOf } from "./epoch.ts";
import type { Entry, Snapshot, Stored } from "./storage.ts";

/** One log as the disk holds it; `entries` are those after `floor`, without a hole. */
export interface MemoryLog {
  readonly generation: number;
  readonly head: number;
  readonly floor: number;
  readonly entries: Entry[];
  readonly snapshot?: Snapshot;
  /** The chunks of its segments by their names; default none. */
  readonly segments?: ReadonlyMap<string, readonly Uint8Array[]>;
}

/**
 * What is durable for a memory storage. It outlives the storage that writes to it, as a disk outlives a process: a
 * test crashes a storage and opens another one on the same disk.
 */
export interface MemoryDisk {
  readonly incarnation: string;
  readonly logs: Map<string, MemoryLog>;
  readonly values: Map<string, Stored>;
}

/** An empty disk. `incarnation` defaults to a random id. */
export function createMemoryDisk(options: { random: Random; incarnation?: string }): MemoryDisk {
  return { incarnation: options.incarnation ?? options.random.id(9), logs: new Map(), values: new Map() };
}

/** The log of a topic; one that was never written is empty. */
export function logOf(disk: MemoryDisk, topic: string): MemoryLog {
  return disk.logs.get(topic) ?? { generation: 0, head: 0, floor: 0, entries: [] };
}

/** What a log of the disk still holds. */
export function windowOf(disk: MemoryDisk, log: MemoryLog): LogWindow {
  return { epoch: epochOf(disk.incarnation, log.generation), head: log.head, floor: log.floor };
}
