import {
  alternativesTo,
  chooseTransport,
  type RunTransport,
  type TransportPolicy,
  type TransportWishes,
} from "../policy/transport-policy.ts";
import type { ReaderClock } from "./options.ts";

/** A transport that failed again rests twice as long as before, at most so many times its first rest. */
const REST_FACTOR_MAX = 16;

interface Rest {
  readonly untilMs: number;
  readonly times: number;
}

/** Which transport a reader is to use now: what the policy and the wishes say, without what has just been found not to work. */
export class TransportChoice {
  policy: TransportPolicy;
  readonly wishes: { -readonly [Key in keyof TransportWishes]: TransportWishes[Key] };
  /** Those that can be opened here at all. */
  readonly #possible: readonly RunTransport[];
  readonly #clock: ReaderClock;
  readonly #restMs: number;
  readonly #resting = new Map<RunTransport, Rest>();

  constructor(
    policy: TransportPolicy,
    wishes: TransportWishes,
    options: {
      readonly possible: readonly RunTransport[];
      readonly clock: ReaderClock;
      readonly restMs: number;
    },
  ) {
    this.policy = policy;
    this.wishes = { ...wishes };
    this.#possible = options.possible;
    this.#clock = options.clock;
    this.#restMs = options.restMs;
  }

  /** What it would be if everything worked. */
  get wished(): RunTransport {
    const { policy } = this;
    const allowed = policy.allowed.filter((one) => this.#possible.includes(one));
    // Where nothing that is allowed can be opened, opening it tells the application why.
    return chooseTransport(allowed.length === 0 ? policy : { ...policy, allowed }, this.wishes);
  }

  /** The wished one, or while it rests the first that does not; when all do, the wished one again. */
  get next(): RunTransport {
    const { wished } = this;
    const others = alternativesTo(this.policy, wished).filter((one) => this.#possible.includes(one));
    return [wished, ...others].find((one) => this.restOf(one) === 0) ?? wished;
  }

  isAllowed(transport: RunTransport): boolean {
    return this.policy.allowed.includes(transport);
  }

  /** How long a transport is not to be tried, in milliseconds. */
  restOf(transport: RunTransport): number {
    const rest = this.#resting.get(transport);
    return rest === undefined ? 0 : Math.max(0, rest.untilMs - this.#clock.nowMs());
  }

  /** It did not work: it rests. */
  failed(transport: RunTransport): void {
    const times = Math.min((this.#resting.get(transport)?.times ?? 0.5) * 2, REST_FACTOR_MAX);
    this.#resting.set(transport, { untilMs: this.#clock.nowMs() + this.#restMs * times, times });
  }

  worked(transport: RunTransport): void {
    this.#resting.delete(transport);
  }

  /** The network is another one, or all of them failed: nothing that was found out counts. */
  forget(): void {
    this.#resting.clear();
  }
}
