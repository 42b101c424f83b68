import type { Batch } from "../broker/batch.ts";
import type { Encoded, OutboxPolicy } from "../broker/publication.ts";
import type { Socket } from "./socket.ts";

interface Waiting {
  readonly encoded: Encoded;
  readonly policy: OutboxPolicy;
  /** Topic it belongs to, so that revocation can take it back. */
  readonly topic: string | null;
  /** Dropped, replaced or taken back; skipped when its turn comes, which is cheaper than moving the others up. */
  isGone: boolean;
}

/** What a message costs in the queue besides its bytes, so that many tiny ones are bounded too. */
const ENTRY_BYTES = 64;
/** Fewer messages that are gone than this are not worth moving the others up. */
const COMPACT_MIN = 64;

/** One page of recovered publications at most. */
const PAGE_BYTES_MAX = 256 * 1024;

export interface OutboxOptions {
  readonly bytesMax: number;
  readonly socketBufferBytesMax: number;
  /** A batch has been handed to the socket: so many messages, with so many bytes together. */
  readonly onBatch: (messages: number, bytes: number) => void;
  /** A message that must arrive does not fit: the connection is a slow consumer. */
  readonly onOverflow: () => void;
  readonly onDropped: (policy: "coalesce" | "drop-oldest") => void;
}

/**
 * The bounded queue of one connection. While the socket takes bytes, messages go straight through; behind a full
 * socket they wait here in order, and each message's own policy says what gives way when too much waits.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #options: OutboxOptions;
  // Copies of options: a batch reads them once for every receiver, and another object is another cache miss.
  readonly #socketBufferBytesMax: number;
  #onBatch: OutboxOptions["onBatch"];
  #takesBatches = true;
  #waiting: Waiting[] = [];
  /** Index of the first message that may still wait. */
  #first = 0;
  #bytes = 0;
  /** Messages among those from `#first` on that are gone already. */
  #gone = 0;
  readonly #latest = new Map<string, Waiting>();
  #closed = false;
  #roomCallbacks: (() => void)[] = [];

  constructor(socket: Socket, options: OutboxOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#socketBufferBytesMax = options.socketBufferBytesMax;
    this.#onBatch = options.onBatch;
  }

  /** Bytes that may be handed over at once to a connection with room, so that they fit with what is live besides. */
  get pageBytesMax(): number {
    return Math.min(PAGE_BYTES_MAX, this.#options.bytesMax / 2);
  }

  /** Bytes that wait, with what the entries themselves cost. */
  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#waiting.length - this.#first - this.#gone;
  }

  /** Whether the socket takes more, so that another page of recovered publications may be handed over. */
  get hasRoom(): boolean {
    return this.#bytes === 0 && this.#socket.bufferedBytes < this.#options.socketBufferBytesMax;
  }

  /** Calls back once there is room, or the connection has gone. */
  whenRoom(callback: () => void): void {
    if (this.#closed || this.hasRoom) queueMicrotask(callback);
    else this.#roomCallbacks.push(callback);
  }

  send(encoded: Encoded, policy: OutboxPolicy, topic: string | null): void {
    if (this.#closed) return;
    if (this.hasRoom) {
      this.#socket.send(encoded.data);
      return;
    }
    const waiting: Waiting = { encoded, policy, topic, isGone: false };
    if (policy.policy === "coalesce") this.#replaceOlder(`${topic}\n${policy.key}`, waiting);
    const cost = costOf(waiting);
    if (this.#bytes + cost > this.#options.bytesMax && !this.#makeRoom(cost, policy)) return;
    this.#waiting.push(waiting);
    this.#bytes += cost;
    this.#compact();
  }

  /** Sends a batch if each of its messages would go straight through; false, and nothing has happened, if not. */
  sendBatch(batch: Batch): boolean {
    if (!this.#takesBatches || this.#bytes > 0) return false;
    // None of it has words in this wire.
    if (batch.messages.length === 0) return true;
    const bufferedBytesMax = this.#socketBufferBytesMax - batch.bytesBeforeLast;
    const socket = this.#socket;
    if (socket.sendAll) {
      if (!socket.sendAll(batch.messages, bufferedBytesMax)) return false;
    } else {
      if (socket.bufferedBytes >= bufferedBytesMax) return false;
      for (const message of batch.messages) socket.send(message);
    }
    this.#onBatch(batch.messages.length, batch.bytes);
    return true;
  }

  /** From now on tells this of batches. */
  onBatch(told: OutboxOptions["onBatch"]): void {
    this.#onBatch = told;
  }

  /** Hands the socket all that waits, whether it takes more or not: after this comes its end. */
  handOver(): void {
    while (this.#first < this.#waiting.length) {
      const next = this.#waiting[this.#first++] as Waiting;
      if (!next.isGone) this.#socket.send(next.encoded.data);
    }
    this.close();
  }

  /** The connection is closing: batches are not for it any more. */
  stopBatches(): void {
    this.#takesBatches = false;
  }

  /** The socket has let bytes go. */
  flush(): void {
    if (this.#waiting.length === 0 && this.#roomCallbacks.length === 0) return;
    while (
      this.#first < this.#waiting.length &&
      this.#socket.bufferedBytes < this.#options.socketBufferBytesMax
    ) {
      const next = this.#waiting[this.#first++] as Waiting;
      if (next.isGone) {
        this.#gone -= 1;
        continue;
      }
      next.isGone = true;
      this.#bytes -= costOf(next);
      this.#socket.send(next.encoded.data);
    }
    this.#compact();
    if (this.hasRoom) this.#tellRoom();
  }

  /** Forgets what waits for a topic. */
  purge(topic: string): void {
    for (let i = this.#first; i < this.#waiting.length; i++) {
      const waiting = this.#waiting[i] as Waiting;
      if (waiting.topic === topic) this.#remove(waiting);
    }
  }

  /** The connection is gone. */
  close(): void {
    this.#closed = true;
    this.#takesBatches = false;
    this.#waiting = [];
    this.#first = 0;
    this.#gone = 0;
    this.#bytes = 0;
    this.#latest.clear();
    this.#tellRoom();
  }

  #replaceOlder(key: string, newest: Waiting): void {
    const older = this.#latest.get(key);
    if (older && this.#remove(older)) this.#options.onDropped("coalesce");
    this.#latest.set(key, newest);
  }

  /** Tries to fit a message in; false when it has been dropped or the connection is being closed. */
  #makeRoom(cost: number, policy: OutboxPolicy): boolean {
    for (let i = this.#first; i < this.#waiting.length; i++) {
      const waiting = this.#waiting[i] as Waiting;
      if (waiting.policy.policy !== "drop-oldest" || !this.#remove(waiting)) continue;
      this.#options.onDropped("drop-oldest");
      if (this.#bytes + cost <= this.#options.bytesMax) return true;
    }
    if (policy.policy === "drop-oldest") this.#options.onDropped("drop-oldest");
    else this.#options.onOverflow();
    return false;
  }

  #remove(waiting: Waiting): boolean {
    if (waiting.isGone) return false;
    waiting.isGone = true;
    this.#gone += 1;
    this.#bytes -= costOf(waiting);
    return true;
  }

  /** Lets go of what has been sent or is gone, once it is most of the queue: a peer that never reads costs no more. */
  #compact(): void {
    if (this.length > 0 && this.#first + this.#gone < Math.max(COMPACT_MIN, this.length)) return;
    this.#waiting = this.#waiting.slice(this.#first).filter((waiting) => !waiting.isGone);
    this.#first = 0;
    this.#gone = 0;
    for (const [key, waiting] of this.#latest) if (waiting.isGone) this.#latest.delete(key);
  }

  #tellRoom(): void {
    const callbacks = this.#roomCallbacks;
    this.#roomCallbacks = [];
    for (const callback of callbacks) callback();
  }
}

function costOf(waiting: Waiting): number {
  return waiting.encoded.bytes + ENTRY_BYTES;
}
