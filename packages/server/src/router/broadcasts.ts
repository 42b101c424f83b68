import { PlexlineError, type Position } from "@plexline/protocol";
import { type OutboxPolicy, Publication } from "../broker/publication.ts";
import type { Tail } from "../broker/tail.ts";
import type { BroadcastOptions, NewBinaryEntry } from "../feature/feature.ts";
import type { Clock } from "../platform/clock.ts";
import { encodeBinaryEntry } from "./binary-entry.ts";
import { LogWriter } from "./log-writer.ts";
import type { OwnEntries } from "./own-entries.ts";
import type { Subscription } from "./subscription.ts";
import type { TopicLog } from "./topic-log.ts";

export interface BroadcastsParts {
  /** Null for a topic that is all ephemeral. */
  readonly log: TopicLog | null;
  readonly tail: Tail;
  readonly alias: number;
  readonly clock: Clock;
}

interface Waiting {
  readonly publication: Publication;
  readonly except: Subscription | undefined;
}

/** Who cannot take one has the log to recover from, once it is there. */
const CLOSE_WHEN_FULL: OutboxPolicy = { policy: "close" };

/**
 * The messages that a topic hands on before they are durable. Each has a number: a subscriber that was handed it is not
 * sent it again when it becomes an entry of the log.
 */
export class Broadcasts {
  readonly #parts: BroadcastsParts;
  readonly #writer: LogWriter | null;
  /** What is handed on by its commit, by its number. */
  readonly #untilDurable = new Map<number, Waiting>();
  #count = 0;

  constructor(parts: BroadcastsParts) {
    const { log } = parts;
    this.#parts = parts;
    this.#writer = log && new LogWriter((batch) => log.commitBatch(batch));
  }

  /** How many there were; the number of the latest. */
  get count(): number {
    return this.#count;
  }

  /** Whether none is on its way into the log. */
  get isIdle(): boolean {
    return this.#writer?.isIdle ?? true;
  }

  /** Settles when each is in the log, or known not to be. */
  async idle(): Promise<void> {
    await this.#writer?.idle();
  }

  /**
   * Hands a message to every subscriber but `except`, now or when it is durable, and queues it for the log. Not async: whoever
   * awaits its promise must hear of a loss before anything newer is taken.
   */
  add(
    entry: NewBinaryEntry,
    except: Subscription | undefined,
    relay: BroadcastOptions["relay"],
  ): Promise<Position> {
    const { log, tail, alias, clock } = this.#parts;
    if (!log || !this.#writer)
      return Promise.reject(
        new PlexlineError("OPERATION_UNSUPPORTED", { message: "This topic keeps no log." }),
      );
    // Whatever can refuse it comes before anybody is handed it.
    const { refusal } = this.#writer;
    if (refusal) return Promise.reject(refusal);
    let data: Uint8Array;
    try {
      data = encodeBinaryEntry(entry);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#count += 1;
    const number = this.#count;
    const message = { alias, kind: entry.kind, payload: entry.payload };
    const publication = new Publication(message, null, CLOSE_WHEN_FULL, number);
    const mustWait = relay === "when-durable";
    if (!mustWait) tail.publish(publication, except);
    const committed = this.#writer.add({ data, atMs: clock.nowMs(), number, epoch: log.window.epoch });
    if (mustWait) this.#relayWhenDurable(number, { publication, except }, committed);
    return committed;
  }

  /** These broadcasts are durable: hands on those that had to wait for it. */
  relayDurable({ first, last, number }: OwnEntries): void {
    if (this.#untilDurable.size === 0) return;
    for (let durable = number; durable <= number + last - first; durable += 1) {
      const waiting = this.#untilDurable.get(durable);
      if (!waiting) continue;
      this.#untilDurable.delete(durable);
      this.#parts.tail.publish(waiting.publication, waiting.except);
    }
  }

  #relayWhenDurable(number: number, waiting: Waiting, committed: Promise<Position>): void {
    this.#untilDurable.set(number, waiting);
    const forget = () => void this.#untilDurable.delete(number);
    committed.then(forget, forget);
  }
}
