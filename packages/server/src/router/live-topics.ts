import type { Broker } from "../broker/broker.ts";
import type { Hub } from "../broker/hub.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import type { Storage } from "../storage/storage.ts";
import type { Logger } from "../telemetry/log.ts";
import { Feeds } from "./feeds.ts";
import { LiveTopic } from "./live-topic.ts";
import type { KeptBytes } from "./recent-entries.ts";
import type { Owner } from "./topic-registry.ts";
import { Turns } from "./turns.ts";

/** How long an unused topic stays open, so that a page reload does not read its log again. */
export const IDLE_TOPIC_MS = 10_000;

export interface LiveTopicsParts {
  /** Logs with disk durability. */
  readonly storage: Storage;
  /** Logs with memory durability: gone with the process, which their epoch tells. */
  readonly memory: Storage;
  readonly hub: Hub;
  readonly broker: Broker;
  readonly clock: Clock;
  readonly log: Logger;
  /** Time that a feature has to make a room. */
  readonly handlerTimeoutMs: number;
  readonly onPublication: (feature: string, family: "logged" | "ephemeral") => void;
  /** Told of every gap that a subscriber is told of. */
  readonly onGap: (reason: "trimmed" | "reset") => void;
}

/** The topics in use on this node, opened on first use and closed when nobody has used them for a while. */
export class LiveTopics {
  readonly #parts: LiveTopicsParts;
  readonly #open = new Map<string, Promise<LiveTopic>>();
  readonly #ready = new Map<string, LiveTopic>();
  readonly #byAlias = new Map<number, LiveTopic>();
  readonly #idle = new Map<string, Timer>();
  readonly #uses = new Map<string, number>();
  /** Topics that are being closed: the next open of one waits, for two could not know of each other's entries. */
  readonly #closing = new Map<string, Promise<void>>();
  readonly #turns: Turns;
  readonly #kept: KeptBytes = { bytes: 0 };
  readonly #feeds: Feeds;
  #nextAlias = 1;

  constructor(parts: LiveTopicsParts) {
    this.#parts = parts;
    this.#turns = new Turns(parts.clock);
    this.#feeds = new Feeds(this.#turns);
  }

  /** Topics open now. */
  get count(): number {
    return this.#ready.size;
  }

  /** A topic that is open already; answers at once. */
  peek(tenant: string, topic: string): LiveTopic | undefined {
    return this.#ready.get(`${tenant}/${topic}`);
  }

  byAlias(alias: number): LiveTopic | undefined {
    return this.#byAlias.get(alias);
  }

  /** Opens of a topic whatever its tenant; for what happens to a topic's record. */
  *named(topic: string): Iterable<LiveTopic> {
    for (const live of this.#ready.values()) if (live.topic === topic) yield live;
  }

  all(): Iterable<LiveTopic> {
    return this.#ready.values();
  }

  /**
   * Uses a topic: it stays open until every use has been given back with `release`. A failed open is forgotten, so the
   * next use tries again.
   */
  async use(tenant: string, topic: string, owner: Owner): Promise<LiveTopic> {
    const key = `${tenant}/${topic}`;
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
    this.#idle.get(key)?.cancel();
    this.#idle.delete(key);
    let opening = this.#open.get(key);
    if (!opening) {
      opening = this.#make(key, tenant, topic, owner);
      this.#open.set(key, opening);
    }
    try {
      return await opening;
    } catch (error) {
      if (this.#open.get(key) === opening) this.#open.delete(key);
      this.#countDown(key);
      throw error;
    }
  }

  release(live: LiveTopic): void {
    if (this.#countDown(live.key) === 0) this.#closeWhenIdle(live);
  }

  /** Nobody uses it; but while it still writes to its log it must be found by whoever uses it next. */
  #closeWhenIdle(live: LiveTopic): void {
    const close = () => (live.isIdle ? this.#close(live) : this.#closeWhenIdle(live));
    this.#idle.set(live.key, this.#parts.clock.setTimer(close, IDLE_TOPIC_MS));
  }

  async close(): Promise<void> {
    for (const timer of this.#idle.values()) timer.cancel();
    this.#idle.clear();
    await Promise.all([...this.#ready.values()].map((live) => live.close()));
    await Promise.all(this.#closing.values());
    this.#ready.clear();
    this.#open.clear();
    this.#byAlias.clear();
  }

  async #make(key: string, tenant: string, topic: string, owner: Owner): Promise<LiveTopic> {
    const { storage, memory, hub, broker, clock, log, handlerTimeoutMs, onPublication, onGap } = this.#parts;
    await this.#closing.get(key);
    const alias = this.#nextAlias++;
    const live = new LiveTopic({
      topic,
      tenant,
      params: owner.params,
      alias,
      feature: owner.feature,
      storage: owner.feature.history?.durability === "memory" ? memory : storage,
      hub,
      broker,
      feeds: this.#feeds,
      turns: this.#turns,
      kept: this.#kept,
      clock,
      log: log.child({ topic }),
      handlerTimeoutMs,
      onPublication,
      onGap,
    });
    await live.open();
    this.#ready.set(key, live);
    this.#byAlias.set(alias, live);
    return live;
  }

  #countDown(key: string): number {
    const uses = (this.#uses.get(key) ?? 1) - 1;
    if (uses > 0) this.#uses.set(key, uses);
    else this.#uses.delete(key);
    return uses;
  }

  #close(live: LiveTopic): void {
    this.#idle.delete(live.key);
    this.#ready.delete(live.key);
    this.#open.delete(live.key);
    this.#byAlias.delete(live.alias);
    const closing = live
      .close()
      .catch((error: unknown) => this.#parts.log.warn({ action: "topic.close", topic: live.topic, error }))
      .finally(() => this.#closing.delete(live.key));
    this.#closing.set(live.key, closing);
  }
}
