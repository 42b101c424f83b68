import type { TopicContext } from "@plexline/server";
import { createAppointment } from "./appointment.ts";
import { decideLost } from "./attaching.ts";
import type { Lane } from "./lane.ts";
import { decideExpire, decideUse } from "./life.ts";
import { goneAtMs, isGone, renewalMs } from "./lifetime.ts";
import { leaseEndMs, overdue } from "./producers.ts";
import type { StreamState } from "./state.ts";

/** What becomes of a stream without a command: it ends when its time is over, and producers that are silent are lost. */
export class Upkeep {
  readonly #topic: TopicContext;
  readonly #lane: Lane;
  readonly #isAttended: () => boolean;
  readonly #appointment: ReturnType<typeof createAppointment>;
  /** When this node saw the stream used last. */
  #usedAtMs = 0;

  /** `isAttended` says whether somebody follows the stream here, which uses it all the time. */
  constructor(topic: TopicContext, lane: Lane, isAttended: () => boolean) {
    this.#topic = topic;
    this.#lane = lane;
    this.#isAttended = isAttended;
    this.#appointment = createAppointment(topic.clock, () => this.#attend());
  }

  /** The stream has been used until now. */
  use(): void {
    this.#usedAtMs = this.#topic.clock.nowMs();
  }

  /** Sees to it that what is due next is done then; called whenever that may be something else. */
  plan(): void {
    this.#appointment.meet(this.#nextDueMs(this.#lane.state));
  }

  /** Whether the stream's time is over. */
  isOver(state: StreamState): boolean {
    return state.info !== null && isGone(state.info, this.#lastUseMs(state), this.#topic.clock.nowMs());
  }

  /** Removes the stream if its time is over, by what is durable too. */
  async expire(): Promise<void> {
    const { clock, log, topic } = this.#topic;
    const isExpired = await this.#lane.run((known) =>
      decideExpire(known, this.#lastUseMs(known), clock.nowMs()),
    );
    if (isExpired) log.info({ action: "stream.expired", topic });
  }

  close(): void {
    this.#appointment.close();
  }

  #lastUseMs(state: StreamState): number {
    return this.#isAttended() ? this.#topic.clock.nowMs() : Math.max(this.#usedAtMs, state.usedAtMs);
  }

  /** When something of the stream is due next: a lease, its end, a use that is to be written. */
  #nextDueMs({ info, producers, usedAtMs: writtenMs }: StreamState): number {
    if (!info) return Number.POSITIVE_INFINITY;
    const dues = [goneAtMs(info, Math.max(this.#usedAtMs, writtenMs))];
    if (!info.closed)
      for (const producer of producers.values()) dues.push(leaseEndMs(producer) ?? Number.POSITIVE_INFINITY);
    const renewal = renewalMs(info);
    if (renewal !== undefined && (this.#usedAtMs > writtenMs || this.#isAttended()))
      dues.push(writtenMs + renewal);
    return Math.min(...dues);
  }

  /** Does what is due; resolves with when something is next. */
  async #attend(): Promise<number> {
    const { clock, signal, log, topic } = this.#topic;
    const lane = this.#lane;
    try {
      const nowMs = clock.nowMs();
      if (this.isOver(lane.state)) await this.expire();
      if (overdue(lane.state, nowMs).length > 0) await lane.run((state) => decideLost(state, nowMs));
      const { info } = lane.state;
      if (info && renewalMs(info) !== undefined)
        await lane.run((state) => decideUse(state, this.#lastUseMs(state)));
    } catch (error) {
      if (!signal.aborted) log.warn({ action: "stream.due", topic, error });
      throw error;
    }
    return this.#nextDueMs(lane.state);
  }
}
