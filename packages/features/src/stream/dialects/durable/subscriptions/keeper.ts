import type { Position } from "@plexline/protocol";
import type { Clock, Logger, Random, Timer } from "@plexline/server";
import { formatCursor } from "../../../cursor.ts";
import { newSecret, type Signer, sha256 } from "./signing.ts";
import type { SubscriptionStore } from "./store.ts";
import {
  assertWake,
  covers,
  hasPending,
  isPending,
  type Subscription,
  type Tails,
  toldStreams,
  type Wake,
  withAcks,
  withLinks,
} from "./subscription.ts";
import { deliverWebhook } from "./webhook.ts";

const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 60_000;
const RETRY_JITTER = 0.2;

export interface KeeperParts {
  readonly id: string;
  readonly store: SubscriptionStore;
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly random: Pick<Random, "next">;
  readonly log: Logger;
  readonly signer: () => Promise<Signer>;
  /** Where webhooks call back. */
  readonly callbackUrl: string;
  /** Closes the session that it acts in. */
  readonly end: () => void;
}

/** A request about a wake: its token's hash, and what the body says. */
export interface WakeAnswer {
  readonly tokenHash: string;
  readonly wakeId: unknown;
  readonly generation: unknown;
  readonly acks?: unknown;
  readonly done: boolean;
}

/** Keeps one subscription going on this node: wakes when there is something to do, and ends leases [DS28]. */
export class Keeper {
  readonly #parts: KeeperParts;
  #timer: Timer | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** Something was appended to a stream that ended at `before`. */
  notice(path: string, before: Position): void {
    this.#later(async () => {
      const { store } = this.#parts;
      const subscription = await store.read();
      if (!covers(subscription, path)) return;
      if (!Object.hasOwn(subscription.links, path))
        await store.update((now) => withLinks(now, [{ path, acked: formatCursor(before) }], false));
      await this.#look();
    });
  }

  /** Does what is due. */
  look(): void {
    this.#later(() => this.#look());
  }

  /** Gives the wake to a worker, making one if there is work but no wake. Null: there is nothing to do. */
  claim(worker: string): Promise<{ subscription: Subscription; tails: Tails; token: string } | Wake | null> {
    return this.#inTurn(async () => {
      const { store, clock } = this.#parts;
      const token = newSecret();
      const tokenHash = await sha256(token);
      const tails = await store.tails(Object.keys((await store.read()).links));
      const subscription = await store.update((now) => {
        const nowMs = clock.nowMs();
        const { wake } = now;
        if (wake?.leaseUntilMs && wake.leaseUntilMs > nowMs) return now;
        if (wake === null && !hasPending(now, tails)) return now;
        // A lease that has run out leaves no wake behind: the next one is of the next generation.
        const isOpen = wake !== null && wake.leaseUntilMs === null;
        const { id } = isOpen ? wake : { id: newWakeId() };
        const leaseUntilMs = nowMs + now.config.leaseMs;
        return {
          ...now,
          generation: isOpen ? now.generation : now.generation + 1,
          wake: { id, tokenHash, holder: worker, leaseUntilMs },
        };
      });
      this.#setTimer(subscription);
      if (subscription.wake?.tokenHash !== tokenHash) return subscription.wake;
      return { subscription, tails, token };
    });
  }

  /** Takes what a worker has done; resolves with whether there is more. Rejects with FENCED. */
  acknowledge(answer: WakeAnswer): Promise<boolean> {
    return this.#inTurn(async () => {
      const { store, clock } = this.#parts;
      const tails = await store.tails(Object.keys((await store.read()).links));
      const subscription = await store.update((now) => {
        const nowMs = clock.nowMs();
        const wake = assertWake(now, answer, nowMs);
        const acked = withAcks(now, answer.acks, tails);
        const extended = { ...wake, leaseUntilMs: nowMs + now.config.leaseMs };
        return { ...acked, wake: answer.done ? null : extended, retry: null };
      });
      this.#setTimer(subscription);
      const isMore = answer.done && hasPending(subscription, tails);
      if (isMore) this.look();
      return isMore;
    });
  }

  /** Gives the wake back. Rejects with FENCED. */
  async release(answer: Omit<WakeAnswer, "done" | "acks">): Promise<void> {
    await this.acknowledge({ ...answer, done: true });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#parts.end();
  }

  async #look(): Promise<void> {
    const { store, clock } = this.#parts;
    const tails = await store.tails(Object.keys((await store.read()).links));
    const token = newSecret();
    const tokenHash = await sha256(token);
    const id = newWakeId();
    const subscription = await store.update((now) => {
      const nowMs = clock.nowMs();
      const isOver = now.wake?.leaseUntilMs != null && now.wake.leaseUntilMs <= nowMs;
      const waits = now.retry !== null && now.retry.atMs > nowMs;
      if ((now.wake !== null && !isOver) || waits) return now;
      if (!hasPending(now, tails)) return isOver ? { ...now, wake: null } : now;
      const isWebhook = now.config.type === "webhook";
      const leaseUntilMs = isWebhook ? nowMs + now.config.leaseMs : null;
      const wake = { id, tokenHash: isWebhook ? tokenHash : null, holder: null, leaseUntilMs };
      return { ...now, generation: now.generation + 1, wake };
    });
    this.#setTimer(subscription);
    if (subscription.wake?.id !== id) return;
    // Not in the turn: what the worker calls back meanwhile must get one.
    if (subscription.config.type === "webhook") this.#deliver(subscription, tails, token).catch(this.#failed);
    else await this.#tell(subscription, tails);
  }

  async #tell({ config, generation, links }: Subscription, tails: Tails): Promise<void> {
    const [stream] = Object.entries(links).find(([path, link]) => isPending(link, tails[path])) ?? [null];
    const ts = this.#parts.clock.nowMs();
    const event = { type: "wake", subscription_id: this.#parts.id, stream, generation, ts };
    await this.#parts.store.appendWake(config.wakeStream as string, event);
  }

  async #deliver(subscription: Subscription, tails: Tails, token: string): Promise<void> {
    const { id, clock, signer, callbackUrl, random } = this.#parts;
    const wake = subscription.wake as Wake;
    const streams = toldStreams(subscription, tails);
    const body = JSON.stringify({
      subscription_id: id,
      wake_id: wake.id,
      generation: subscription.generation,
      streams,
      callback_url: callbackUrl,
      callback_token: token,
    });
    const signature = await (await signer()).sign(body, clock.nowMs());
    const outcome = await deliverWebhook(subscription.config.webhookUrl as string, body, signature);
    if (this.#isClosed) return;
    if (outcome === "done") {
      const acks = streams
        .filter(({ has_pending }) => has_pending)
        .map(({ path, tail_offset }) => ({ stream: path, offset: tail_offset }));
      const { generation } = subscription;
      const answer = { tokenHash: wake.tokenHash as string, wakeId: wake.id, generation, acks, done: true };
      // Whoever has called back meanwhile has ended the wake already.
      await this.acknowledge(answer).catch(() => {});
      return;
    }
    this.#later(async () => {
      const now = await this.#parts.store.update((current) => {
        if (current.wake?.id !== wake.id) return current;
        if (outcome === "taken") return current.retry === null ? current : { ...current, retry: null };
        const failures = (current.retry?.failures ?? 0) + 1;
        const plain = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures - 1, 16));
        const delayMs = Math.round(plain * (1 + RETRY_JITTER * (2 * random.next() - 1)));
        return { ...current, wake: null, retry: { failures, atMs: clock.nowMs() + delayMs } };
      });
      this.#setTimer(now);
    });
  }

  /** One timer, for the lease or the next attempt. */
  #setTimer({ wake, retry }: Subscription): void {
    this.#timer?.cancel();
    this.#timer = null;
    const dueMs = wake ? wake.leaseUntilMs : (retry?.atMs ?? null);
    if (dueMs === null || this.#isClosed) return;
    const { clock } = this.#parts;
    this.#timer = clock.setTimer(() => this.look(), Math.max(0, dueMs - clock.nowMs()));
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => {});
    return result;
  }

  #later(act: () => Promise<void>): void {
    if (this.#isClosed) return;
    this.#inTurn(act).catch(this.#failed);
  }

  readonly #failed = (error: unknown): void => {
    if (this.#isClosed) return;
    this.#parts.log.warn({ action: "stream.subscription", subscription: this.#parts.id, error });
  };
}

function newWakeId(): string {
  return `w_${crypto.randomUUID()}`;
}
