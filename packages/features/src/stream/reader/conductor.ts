import type { ClientRandom } from "@plexline/client";
import { PlexlineError } from "@plexline/protocol";
import { formatCursor } from "../cursor.ts";
import { parseTransportPolicy, type RunTransport, type TransportPolicy } from "../policy/transport-policy.ts";
import { retryDelayMs } from "./backoff.ts";
import type { TransportChoice } from "./choice.ts";
import { endOfSource } from "./credentials.ts";
import type { TransportChange } from "./events.ts";
import { type HandoverReason, Leg } from "./leg.ts";
import type { ReaderClock } from "./options.ts";
import { hasReached, type ReaderPlace } from "./place.ts";
import type { WireEnd, WireMessage, WireRequest, Wires } from "./wire.ts";

/** What a connection is opened with besides its place. */
export type Credentials = Pick<WireRequest, "token" | "ticket">;

export interface ConductorParts {
  readonly sessionId: string;
  readonly wires: Wires;
  readonly choice: TransportChoice;
  readonly place: ReaderPlace;
  readonly clock: ReaderClock;
  readonly random: ClientRandom;
  /** Asked before each connection; `attempt` counts those that were refused. */
  readonly credentials: (reason: "connect" | "rejected", attempt: number) => Promise<Credentials>;
  readonly readyTimeoutMs: number;
  readonly silenceMs: number;
  readonly spreadMs: number;
}

export interface ConductorListener {
  /** What a wire tells of the run, not yet looked at for what is known already. */
  onMessage(leg: Leg, message: WireMessage): void;
  onTransport(change: TransportChange): void;
  onPolicy(policy: TransportPolicy): void;
  /** Whether something is read now. */
  onLive(isLive: boolean): void;
  onFinished(): void;
  onFailed(error: PlexlineError): void;
}

/** A connection that lived this long makes the next try a first one. */
const STABLE_MS = 5_000;
/** Tries of a transport that has worked before: a restart of the server is no reason to leave it. */
const TRIES_MAX = 3;
/** Credentials may be refused so often in a row. */
const REFUSALS_MAX = 2;

/**
 * Keeps a run read over one transport: opens it, opens it again, falls back to another, and goes over to the one that is wished for.
 * Going over, it opens the new one where the reader stands, waits until that has told as much as the old one, and only then closes
 * the old one. There are never more than these two.
 */
export class Conductor {
  /** What is or was last read over; null before the first. */
  transport: RunTransport | null = null;
  readonly #parts: ConductorParts;
  readonly #listener: ConductorListener;
  #active: Leg | null = null;
  #next: Leg | null = null;
  #isRunning = false;
  /** Tries that came to nothing, or not to much, in a row. */
  #failures = 0;
  #tries = new Map<RunTransport, number>();
  #hasWorked = new Set<RunTransport>();
  #refusals = 0;
  #liveSinceMs = 0;
  /** Until something is tried again. */
  #retry: { cancel(): void } | null = null;
  /** Until the wished transport is tried again, or a new policy is followed. */
  #steering: { cancel(): void } | null = null;
  #handover: { cancel(): void } | null = null;
  #switch: { readonly to: RunTransport; resolve(): void; reject(error: PlexlineError): void } | null = null;

  constructor(parts: ConductorParts, listener: ConductorListener) {
    this.#parts = parts;
    this.#listener = listener;
  }

  /** The connection that is read now; null while there is none. */
  get active(): Leg | null {
    return this.#active?.isReady ? this.#active : null;
  }

  /** How many connections there are. */
  get legCount(): number {
    return (this.#active ? 1 : 0) + (this.#next ? 1 : 0);
  }

  run(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#openActive(null);
  }

  /** Leaves the wire; `run` goes on where the reader stands. */
  stop(error: PlexlineError): void {
    this.#isRunning = false;
    for (const timer of [this.#retry, this.#steering, this.#handover]) timer?.cancel();
    this.#active?.close();
    this.#next?.close();
    this.#active = null;
    this.#next = null;
    this.#settleSwitch(error);
  }

  /** Goes over to a transport of the user's choice; rejects with a PlexlineError if that does not work. */
  switchTo(to: RunTransport): Promise<void> {
    const { choice } = this.#parts;
    this.#settleSwitch(new PlexlineError("CLIENT_CLOSED", { message: "Another transport was asked for." }));
    if (!choice.isAllowed(to))
      return Promise.reject(
        new PlexlineError("OPERATION_UNSUPPORTED", {
          message: `The server's policy does not allow ${to}.`,
          fix: `Use one of ${choice.policy.allowed.join(", ")}.`,
        }),
      );
    choice.wishes.optIn = to;
    choice.worked(to);
    if (this.active?.transport === to && this.#next === null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#switch = { to, resolve, reject };
      this.steer("manual");
    });
  }

  /** Takes a policy that the server has told, if it is a newer one. */
  takePolicy(told: unknown): void {
    const { choice, clock, random, spreadMs } = this.#parts;
    let policy: TransportPolicy;
    try {
      policy = parseTransportPolicy(told);
    } catch {
      // A newer server may have transports that this client does not know; it goes on as it is.
      return;
    }
    if (policy.version <= choice.policy.version) return;
    choice.policy = policy;
    this.#listener.onPolicy(policy);
    this.#steering?.cancel();
    this.#steering = clock.setTimer(() => this.steer("policy"), random.next() * spreadMs);
  }

  /** Goes over to the transport that is to be used, if it is another one. */
  steer(reason: HandoverReason): void {
    const { choice, place, clock } = this.#parts;
    if (!this.#isRunning || this.active === null || place.position === null) return;
    const { next: wanted, wished } = choice;
    if (wanted !== this.#next?.transport) this.#dropNext();
    this.#steering?.cancel();
    this.#steering = null;
    const restMs = choice.restOf(wished);
    if (restMs > 0) this.#steering = clock.setTimer(() => this.steer("return"), restMs);
    if (wanted === this.active.transport) {
      this.#settleSwitch();
      return;
    }
    if (this.#next === null && choice.restOf(wanted) === 0) this.#openNext(wanted, reason);
  }

  #openActive(reason: HandoverReason | null): void {
    this.#retry = null;
    this.#listener.onLive(false);
    this.#active = this.#open(this.#parts.choice.next, reason);
  }

  #openNext(transport: RunTransport, reason: HandoverReason): void {
    const { clock, readyTimeoutMs } = this.#parts;
    const next = this.#open(transport, reason);
    this.#next = next;
    this.#handover?.cancel();
    // One that is there but behind may take over all the same: nothing is told twice, and nothing left out.
    this.#handover = clock.setTimer(() => {
      if (this.#next === next && next.isReady) this.#promote(next);
    }, 2 * readyTimeoutMs);
  }

  #open(transport: RunTransport, reason: HandoverReason | null): Leg {
    const { sessionId, wires, place, choice, clock, readyTimeoutMs, silenceMs } = this.#parts;
    const since = place.position;
    const leg = new Leg(
      { transport, since, reason, clock, readyTimeoutMs, silenceMs },
      {
        onReady: (ready) => this.#onReady(ready),
        onMessage: (from, message) => this.#onMessage(from, message),
        onEnd: (ended, end) => this.#onEnd(ended, end),
      },
    );
    const query = {
      sessionId,
      policy: String(choice.policy.version),
      ...(since === null ? {} : { cursor: formatCursor(since) }),
      ...(reason === null || this.transport === null ? {} : { from: this.transport, reason }),
    };
    this.#parts.credentials(this.#refusals > 0 ? "rejected" : "connect", this.#refusals + 1).then(
      (credentials) => {
        const open = wires[transport];
        if (open !== undefined) return leg.open(open, { query, ...credentials });
        const message = `${transport} cannot be used here.`;
        leg.end({ kind: "lost", error: new PlexlineError("OPERATION_UNSUPPORTED", { message }) });
      },
      (reason: unknown) => leg.end(endOfSource(reason)),
    );
    return leg;
  }

  #onReady(leg: Leg): void {
    const { choice, clock } = this.#parts;
    choice.worked(leg.transport);
    this.#hasWorked.add(leg.transport);
    this.#tries.delete(leg.transport);
    this.#refusals = 0;
    if (leg === this.#active) {
      this.#liveSinceMs = clock.nowMs();
      this.#announce(leg);
      this.steer("return");
    } else this.#promoteIfCaughtUp(leg);
  }

  #onMessage(leg: Leg, message: WireMessage): void {
    if (message.type === "transport-policy") {
      this.takePolicy(message.policy);
      return;
    }
    if (message.type === "agent:gap") {
      if (leg === this.#next) {
        this.#gapOfNext(leg, message);
        return;
      }
      // Where the other one goes on may be after what is told now.
      this.#dropNext();
      leg.isBehindGap = true;
    }
    const isFirst = this.#parts.place.position === null;
    this.#listener.onMessage(leg, message);
    if (leg === this.#next) this.#promoteIfCaughtUp(leg);
    else if (isFirst && this.#parts.place.position !== null) this.steer("policy");
  }

  /** What it was to go on after is gone. If the old one has told more meanwhile that may still be there. */
  #gapOfNext(leg: Leg, message: WireMessage): void {
    if (!hasReached(leg.since, this.#parts.place.position)) {
      leg.close();
      this.#openNext(leg.transport, leg.reason ?? "fallback");
      return;
    }
    leg.isBehindGap = true;
    this.#promote(leg);
    this.#listener.onMessage(leg, message);
  }

  #promoteIfCaughtUp(leg: Leg): void {
    const { place } = this.#parts;
    if (leg === this.#next && leg.isReady && hasReached(leg.position, place.position)) this.#promote(leg);
  }

  /** The next one is the active one from now on. */
  #promote(leg: Leg): void {
    const old = this.#active;
    this.#active = leg;
    this.#next = null;
    this.#handover?.cancel();
    old?.close();
    this.#liveSinceMs = this.#parts.clock.nowMs();
    if (!leg.isReady) {
      this.#listener.onLive(false);
      return;
    }
    this.#announce(leg);
    this.steer("return");
  }

  #dropNext(): void {
    this.#next?.close();
    this.#next = null;
    this.#handover?.cancel();
  }

  #announce(leg: Leg): void {
    const from = this.transport;
    this.transport = leg.transport;
    if (from !== leg.transport)
      this.#listener.onTransport({ from, to: leg.transport, reason: from === null ? null : leg.reason });
    this.#listener.onLive(true);
    if (this.#switch?.to === leg.transport) this.#settleSwitch();
  }

  #settleSwitch(error?: PlexlineError): void {
    const waiting = this.#switch;
    if (waiting === null || (error === undefined && waiting.to !== this.transport)) return;
    this.#switch = null;
    if (error === undefined) waiting.resolve();
    else waiting.reject(error);
  }

  #onEnd(leg: Leg, end: WireEnd): void {
    if (leg === this.#next) {
      this.#endOfNext(leg, end);
      return;
    }
    if (leg !== this.#active) return;
    this.#active = null;
    if (end.kind === "finished") {
      this.#listener.onFinished();
      return;
    }
    if (end.kind === "off") this.#off(leg, end);
    if (this.#next !== null) {
      this.#promote(this.#next);
      return;
    }
    switch (end.kind) {
      case "forbidden":
        this.#listener.onFailed(end.error);
        return;
      case "token":
        this.#refusals += 1;
        if (this.#refusals > REFUSALS_MAX) {
          this.#listener.onFailed(end.error);
          return;
        }
        this.#openLater(leg, 0, null);
        return;
      case "source":
        this.#retryLater(leg);
        return;
      case "off":
        this.#openLater(leg, 0, "policy");
        return;
      default:
        this.#lost(leg, end);
        return;
    }
  }

  #lost(leg: Leg, { retryAfterMs = 0 }: WireEnd): void {
    const { choice, clock, random } = this.#parts;
    const { transport, isReady } = leg;
    if (isReady && clock.nowMs() - this.#liveSinceMs >= STABLE_MS) this.#failures = 0;
    const delayMs = Math.max(retryAfterMs, retryDelayMs(this.#failures, random));
    this.#failures += 1;
    if (!isReady) {
      const tries = (this.#tries.get(transport) ?? 0) + 1;
      this.#tries.set(transport, tries);
      if (tries >= (this.#hasWorked.has(transport) ? TRIES_MAX : 1)) {
        choice.failed(transport);
        this.#tries.delete(transport);
      }
    }
    // Where none works it is not the transports: the network is gone, or the server.
    const isNoneLeft = choice.restOf(choice.next) > 0;
    if (isNoneLeft) choice.forget();
    const isOther = choice.next !== transport && !isNoneLeft;
    this.#openLater(leg, isOther ? 0 : delayMs, isOther ? "fallback" : leg.reason);
  }

  /** The transport is not at fault: it is tried again, however long that takes. */
  #retryLater(leg: Leg): void {
    const delayMs = retryDelayMs(this.#failures, this.#parts.random);
    this.#failures += 1;
    this.#openLater(leg, delayMs, leg.reason);
  }

  #openLater(leg: Leg, delayMs: number, reason: HandoverReason | null): void {
    if (!this.#isRunning) return;
    this.#listener.onLive(false);
    const isOther = this.#parts.choice.next !== leg.transport;
    this.#retry = this.#parts.clock.setTimer(
      () => this.#openActive(isOther ? (reason ?? "policy") : reason),
      delayMs,
    );
  }

  #endOfNext(leg: Leg, end: WireEnd): void {
    this.#next = null;
    this.#handover?.cancel();
    if (end.kind === "token") this.#refusals += 1;
    // That the run is over, or forbidden, the active one will tell.
    if (end.kind === "off") this.#off(leg, end);
    else this.#parts.choice.failed(leg.transport);
    if (this.#switch?.to === leg.transport) this.#settleSwitch(end.error);
    this.steer(leg.reason ?? "fallback");
  }

  /** The server does not serve a transport now. */
  #off(leg: Leg, { policy }: WireEnd): void {
    const { choice } = this.#parts;
    if (policy !== undefined) this.takePolicy(policy);
    // Where the policy itself is not told, the transport rests like one that does not work.
    if (choice.isAllowed(leg.transport)) choice.failed(leg.transport);
  }
}
