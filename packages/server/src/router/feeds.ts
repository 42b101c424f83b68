import { PlexlineError } from "@plexline/protocol";
import type { Binary } from "../feature/feature.ts";
import type { Subscription } from "./subscription.ts";
import type { Turns } from "./turns.ts";

/** Feeds of one connection that may wait for their turn. Over it: OVERLOADED. */
export const FEEDS_MAX = 256;

interface Queue {
  length: number;
  /** Settles when the last feed asked for has ended. */
  last: Promise<void>;
}

/**
 * Hands single subscribers long runs of messages, each when the connection has room for it. A connection has one feed at a
 * time, so that it costs one message of memory however much its client asks for; recovering goes on between them.
 */
export class Feeds {
  readonly #queues = new WeakMap<object, Queue>();
  readonly #turns: Turns;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Feeds a subscriber after those that its connection is fed already. */
  feed(subscription: Subscription, messages: AsyncIterable<Binary>): Promise<void> {
    const { attachment } = subscription.caller;
    const { serving } = subscription;
    if (attachment === null || serving === null) return endOf(messages);
    const queue = this.#queues.get(attachment) ?? { length: 0, last: Promise.resolve() };
    this.#queues.set(attachment, queue);
    if (queue.length >= FEEDS_MAX) {
      const refusal = new PlexlineError("OVERLOADED", { message: "Too much waits to be handed over." });
      return endOf(messages).then(() => Promise.reject(refusal));
    }
    queue.length += 1;
    const feeding = queue.last
      .then(() => run(subscription, serving, messages, this.#turns))
      .finally(() => {
        queue.length -= 1;
      });
    queue.last = feeding.catch(() => {
      // Whoever asked for the feed deals with it; the next one has its turn.
    });
    return feeding;
  }
}

/** `serving` is what the subscription must still stand for: the same connection, and no other subscribe since. */
async function run(
  subscription: Subscription,
  serving: object,
  messages: AsyncIterable<Binary>,
  turns: Turns,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]();
  // Most messages are short, and most connections have room for many: those wait for nothing but their source.
  while (subscription.hasRoomFor(serving) || (await subscription.whenRoom(serving))) {
    const turn = turns.next();
    if (turn !== undefined) await turn;
    const next = await iterator.next();
    if (next.done) return;
    turns.count(next.value.payload.length);
    if (subscription.hasRoomFor(serving)) subscription.sendFed(next.value);
    else if (!(await subscription.sendWhenRoom(serving, next.value))) break;
  }
  await iterator.return?.();
}

/** Nobody is there to be fed: lets the source go without asking for anything. */
async function endOf(messages: AsyncIterable<Binary>): Promise<void> {
  await messages[Symbol.asyncIterator]().return?.();
}
