import { PlexlineError } from "@plexline/protocol";
import type { Clock, EndpointHost } from "@plexline/server";
import type { PolicyKeeper } from "./keeper.ts";
import { createReaderMeter, type ReaderMeter } from "./meter.ts";
import type { RunTransport, TransportPolicy } from "./transport-policy.ts";

/** What the words for somebody whose transport is not served begin with. */
export const TRANSPORT_OFF = "TRANSPORT_OFF";

/** The policy does not allow a transport. */
export class TransportOff extends PlexlineError {
  readonly policy: TransportPolicy;

  constructor(transport: RunTransport, policy: TransportPolicy) {
    super("OVERLOADED", {
      message: `Runs are not served over ${transport} now.`,
      fix: `Use one of ${policy.allowed.join(", ")}.`,
    });
    this.name = "TransportOff";
    this.policy = policy;
  }
}

/** How a reader ended. */
export type ReaderEnd = "client" | "finished" | "policy" | "server";

/** What an endpoint does with one of its readers. */
export interface ReaderCallbacks {
  /** Tells a message. */
  tell(text: string): void;
  /** Ends the connection: its transport is not served any more. */
  end(): void;
}

/** One reader, while it is there. */
export interface EnteredReader {
  /** So many events have been handed to it. */
  handed(count: number): void;
  /** It was told of a gap. */
  gap(): void;
  left(end: ReaderEnd): void;
}

interface Entered extends ReaderCallbacks {
  readonly transport: RunTransport;
  isOff: boolean;
}

/** Everybody who reads a run by this policy on this node: who may, who is told of a change, and what is counted. */
export class PolicyReaders {
  readonly #keeper: PolicyKeeper;
  readonly #graceMs: number;
  readonly #entered = new Set<Entered>();
  #meter: ReaderMeter | null = null;
  #host: EndpointHost | null = null;
  #clock: Pick<Clock, "setTimer"> | null = null;

  constructor(keeper: PolicyKeeper, graceMs: number) {
    this.#keeper = keeper;
    this.#graceMs = graceMs;
    keeper.onChange((policy) => this.#changed(policy));
  }

  /** Each of the endpoints that serve by it calls this; the first of a server counts. */
  start(host: EndpointHost): void {
    this.#keeper.start(host);
    if (this.#host === host) return;
    this.#host = host;
    this.#clock = host.clock;
    this.#meter = createReaderMeter(host.metrics);
  }

  get policy(): TransportPolicy {
    return this.#keeper.current;
  }

  /** Rejects with TransportOff, which is counted, if the transport is not served. */
  async admit(transport: RunTransport): Promise<void> {
    await this.#keeper.loaded;
    if (this.policy.allowed.includes(transport)) return;
    this.#meter?.refused(transport);
    throw new TransportOff(transport, this.policy);
  }

  /**
   * A reader that was admitted has come. If its query says that it knows another policy it is told the present one.
   *
   * @param query `cursor`, and of readers that change over `from`, `reason` and `policy`.
   */
  enter(transport: RunTransport, query: URLSearchParams, callbacks: ReaderCallbacks): EnteredReader {
    const entered: Entered = { transport, isOff: false, ...callbacks };
    this.#entered.add(entered);
    this.#meter?.opened(transport, query);
    const known = query.get("policy");
    if (known !== null && known !== String(this.policy.version)) callbacks.tell(encodePolicy(this.policy));
    let isThere = true;
    return {
      handed: (count) => this.#meter?.events(transport, count),
      gap: () => this.#meter?.gap(transport),
      left: (end) => {
        if (!isThere) return;
        isThere = false;
        this.#entered.delete(entered);
        this.#meter?.closed(transport, entered.isOff ? "policy" : end);
      },
    };
  }

  #changed(policy: TransportPolicy): void {
    const text = encodePolicy(policy);
    for (const reader of [...this.#entered]) reader.tell(text);
    this.#clock?.setTimer(() => {
      for (const reader of [...this.#entered]) {
        // What is allowed again meanwhile may stay.
        if (this.policy.allowed.includes(reader.transport)) continue;
        reader.isOff = true;
        reader.end();
      }
    }, this.#graceMs);
  }
}

/** The policy as readers are told it, on every transport. */
export function encodePolicy(policy: TransportPolicy): string {
  return JSON.stringify({ type: "transport-policy", policy });
}
