import type { Position } from "@plexline/protocol";
import type { Encoded, Publication } from "./publication.ts";

/**
 * The publications of one topic that leave together. Nothing of it depends on a receiver, so the transport turns it into
 * bytes once for all of them; a receiver that cannot take all of it at once takes the publications one by one.
 */
export class Batch {
  /** Number of the first publication in the tail's count. */
  readonly start: number;
  readonly publications: Publication[] = [];
  /** The publications in bytes. Once the batch leaves, the array stays as it is. */
  readonly messages: (string | Uint8Array)[] = [];
  bytes = 0;
  /** Bytes of all messages but the last: a socket that has room for one more byte than these takes the last one too. */
  bytesBeforeLast = 0;
  /** Offsets of the first and the last logged publication; null where all are ephemeral. */
  firstOffset: number | null = null;
  lastOffset: number | null = null;
  /** The lowest number of a broadcast; infinite without one. */
  firstBroadcast = Number.POSITIVE_INFINITY;
  /** Every publication could be encoded, and no offset is missing between the first and the last. */
  isWhole = true;
  #lastPosition: Position | null = null;

  constructor(start: number) {
    this.start = start;
  }

  /** Number of the publication that comes after the last. */
  get end(): number {
    return this.start + this.publications.length;
  }

  /** Takes a publication in the words of the codec: null where it has none for it, undefined where it failed. */
  add(publication: Publication, encoded: Encoded | null | undefined): void {
    const { offset, broadcast } = publication;
    this.publications.push(publication);
    if (broadcast > 0 && broadcast < this.firstBroadcast) this.firstBroadcast = broadcast;
    if (offset !== null) {
      if (this.firstOffset === null) this.firstOffset = offset;
      else if (offset !== (this.lastOffset as number) + 1) this.isWhole = false;
      this.lastOffset = offset;
    }
    if (encoded === undefined) this.isWhole = false;
    if (!encoded) return;
    this.messages.push(encoded.data);
    this.bytesBeforeLast = this.bytes;
    this.bytes += encoded.bytes;
  }

  /** Where a receiver stands that has taken all of it after `before`; one object for all who stood in one epoch. */
  positionAfter(before: Position): Position {
    if (this.lastOffset === null) return before;
    if (this.#lastPosition?.epoch !== before.epoch)
      this.#lastPosition = { epoch: before.epoch, offset: this.lastOffset };
    return this.#lastPosition;
  }
}
