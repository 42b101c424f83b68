import type { Position } from "@plexline/protocol";
import type { Clock, EndpointSession, Random } from "@plexline/server";
import { Keeper } from "./keeper.ts";
import { createSigner, type Signer } from "./signing.ts";
import { SubscriptionStore } from "./store.ts";

/** Subscriptions that one node keeps going. */
const KEEPERS_MAX = 1_000;

export interface SubscriptionsOptions {
  readonly clock: Pick<Clock, "nowMs" | "setTimer">;
  readonly random: Pick<Random, "next">;
  readonly topic: (path: string) => string;
  readonly allowLoopbackCallbacks: boolean;
  readonly signingKey?: JsonWebKey;
}

/** What is common to all subscriptions of an endpoint. */
export class Subscriptions {
  readonly allowLoopback: boolean;
  readonly #options: SubscriptionsOptions;
  readonly #keepers = new Map<string, Keeper>();
  #signer: Promise<Signer> | null = null;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.allowLoopback = options.allowLoopbackCallbacks;
  }

  get signer(): Promise<Signer> {
    this.#signer ??= createSigner(this.#options.signingKey);
    return this.#signer;
  }

  /** A subscription as a session reaches it. */
  storeOf(session: EndpointSession, topic: string): SubscriptionStore {
    return new SubscriptionStore(session, topic, this.#options.topic);
  }

  keeperOf(topic: string): Keeper | undefined {
    return this.#keepers.get(topic);
  }

  /** From now on keeps a subscription going in this session. False: there are too many. */
  keep(topic: string, id: string, session: EndpointSession, callbackUrl: string): boolean {
    if (this.#keepers.size >= KEEPERS_MAX) return false;
    const { clock, random } = this.#options;
    const store = this.storeOf(session, topic);
    const end = () => session.close(1000, "");
    const parts = { id, store, clock, random, log: session.log, signer: () => this.signer, callbackUrl, end };
    this.#keepers.set(topic, new Keeper(parts));
    return true;
  }

  /** The session of a subscription has ended, or the subscription has. */
  leave(topic: string): void {
    const keeper = this.#keepers.get(topic);
    // Closing it ends the session, whose end leads here again.
    this.#keepers.delete(topic);
    keeper?.close();
  }

  /** Something was appended to a stream on this node, which ended at `before`. */
  onAppended(path: string, before: Position): void {
    for (const keeper of this.#keepers.values()) keeper.notice(path, before);
  }
}
