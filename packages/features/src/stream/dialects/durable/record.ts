import type { Position } from "@plexline/protocol";
import type { StreamInfo } from "../../protocol.ts";

/** Where positions of another epoch are found in a fork [DS24]. */
export interface Ancestor {
  readonly epoch: string;
  /** The last position that the fork has from there. */
  readonly offset: number;
  /** The fork's own position of the same chunk. */
  readonly here: number;
}

/** What a fork was made of. */
export interface ForkRecord {
  /** Path of the source. */
  readonly from: string;
  /** The offset that was asked for; null for the source's tail. */
  readonly offset: string | null;
  readonly sub: number;
  /** Whether the lifetime is the source's. */
  readonly inherits: boolean;
  /** Nearest first. */
  readonly ancestors: readonly Ancestor[];
  /** The chunks are still being copied: for readers it is not there. */
  readonly isCopying?: true;
}

/** What the dialect keeps in the metadata of a stream, under its own name. */
export interface DurableRecord {
  readonly fork?: ForkRecord;
  /** Paths of the forks that were made of it. */
  readonly forks?: readonly string[];
  /** It was deleted while there were forks. */
  readonly isGone?: true;
}

const KEY = "durable";

/** The record of a stream; an empty one for streams that were made otherwise. */
export function recordOf({ metadata }: Pick<StreamInfo, "metadata">): DurableRecord {
  return (metadata?.[KEY] ?? {}) as DurableRecord;
}

/** The metadata of a stream with another record. */
export function withRecord(
  metadata: StreamInfo["metadata"],
  record: DurableRecord,
): Readonly<Record<string, unknown>> {
  const { [KEY]: _old, ...others } = metadata ?? {};
  return Object.keys(record).length === 0 ? others : { ...others, [KEY]: record };
}

/**
 * Where a stream ends for HTTP. The entry that closes it is no data: the tail stays where it was [DS12].
 */
export function tailOf({ closed, position }: StreamInfo): Position {
  return closed === null ? position : { ...position, offset: Math.max(0, position.offset - 1) };
}
