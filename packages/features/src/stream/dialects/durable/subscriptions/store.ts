import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { STREAM_COMMAND, type StreamInfo } from "../../../protocol.ts";
import { ask } from "../exchange.ts";
import { recordOf, tailOf } from "../record.ts";
import { ControlRefusal } from "./refusal.ts";
import type { Subscription, Tails } from "./subscription.ts";

/** Attempts to change a subscription that others change at the same time. */
const ATTEMPTS_MAX = 16;
const KEY = "subscription";

/** A subscription as somebody's session reaches it: the description of a closed stream of its own [DS27]. */
export class SubscriptionStore {
  readonly #session: EndpointSession;
  readonly #topic: string;
  readonly #topicOf: (path: string) => string;

  constructor(session: EndpointSession, topic: string, topicOf: (path: string) => string) {
    this.#session = session;
    this.#topic = topic;
    this.#topicOf = topicOf;
  }

  /** The subscription; null if there is none. */
  async find(): Promise<Subscription | null> {
    const info = await this.#infoOf(this.#topic);
    const { [KEY]: subscription } = info?.metadata ?? {};
    return subscription === undefined ? null : (subscription as Subscription);
  }

  async read(): Promise<Subscription> {
    const subscription = await this.find();
    if (subscription === null) throw absent();
    return subscription;
  }

  /** Stores a new one; false if there is one already. */
  async create(subscription: Subscription): Promise<boolean> {
    const input = { kind: "json", metadata: { [KEY]: subscription }, close: true };
    const output = await ask<{ created: boolean }>(this.#session, this.#topic, STREAM_COMMAND.create, input);
    return output.created;
  }

  /** Changes it as it is by then, whoever else does. The change may be asked several times. */
  async update(change: (subscription: Subscription) => Subscription): Promise<Subscription> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const before = await this.read();
      const after = change(before);
      if (after === before) return after;
      try {
        const input = { metadata: { [KEY]: after }, expected: { [KEY]: before } };
        await ask(this.#session, this.#topic, STREAM_COMMAND.describe, input);
        return after;
      } catch (error) {
        if (!(error instanceof PlexlineError) || error.code !== "RESYNC") throw error;
      }
    }
    throw new PlexlineError("OVERLOADED", { message: "Too many change this subscription at once." });
  }

  async delete(): Promise<void> {
    await this.read();
    await ask(this.#session, this.#topic, STREAM_COMMAND.delete);
  }

  /** Where the streams end that are there and that the session may read. */
  async tails(paths: readonly string[]): Promise<Tails> {
    const found = await Promise.all(
      paths.map(async (path): Promise<[string, Position][]> => {
        const info = await this.#infoOf(this.#topicOf(path));
        return info === null || recordOf(info).isGone ? [] : [[path, tailOf(info)]];
      }),
    );
    return Object.fromEntries(found.flat());
  }

  /** Tells those who wait on the wake stream. */
  async appendWake(path: string, event: unknown): Promise<void> {
    await ask(this.#session, this.#topicOf(path), STREAM_COMMAND.append, { values: [event], existing: true });
  }

  async #infoOf(topic: string): Promise<StreamInfo | null> {
    try {
      return await ask<StreamInfo>(this.#session, topic, STREAM_COMMAND.info);
    } catch (error) {
      const isAbsent = error instanceof PlexlineError && error.code === "STREAM_ABSENT";
      const isOther = error instanceof PlexlineError && error.code === "FORBIDDEN" && topic !== this.#topic;
      if (isAbsent || isOther) return null;
      throw error;
    }
  }
}

export function absent(): ControlRefusal {
  return new ControlRefusal(404, "SUBSCRIPTION_NOT_FOUND", "There is no such subscription.");
}
