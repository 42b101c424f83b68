import { PlexlineError, type Position } from "@plexline/protocol";
import type { RunTransport } from "../policy/transport-policy.ts";
import type { ReaderClock } from "./options.ts";
import type { OpenWire, Wire, WireEnd, WireMessage, WireRequest } from "./wire.ts";

/** Why a reader goes from one transport to another. */
export type HandoverReason =
  /** The server's policy has changed, or does not allow the one before. */
  | "policy"
  /** The one before did not work. */
  | "fallback"
  /** The wished one is tried again. */
  | "return"
  /** `switchTo`. */
  | "manual";

export interface LegOptions {
  readonly transport: RunTransport;
  /** Where it goes on; null for a newcomer. */
  readonly since: Position | null;
  readonly reason: HandoverReason | null;
  readonly clock: ReaderClock;
  readonly readyTimeoutMs: number;
  readonly silenceMs: number;
}

export interface LegListener {
  onMessage(leg: Leg, message: WireMessage): void;
  /** The first sign of life. */
  onReady(leg: Leg): void;
  /** It is over; not told of one that was closed here. */
  onEnd(leg: Leg, end: WireEnd): void;
}

/** Silence after which the other side is asked, on a wire that has a way to: a third of what is taken for death. */
const ASKS_PER_SILENCE = 3;

/** One try to read over one transport: from asking for credentials until it ends. */
export class Leg {
  readonly transport: RunTransport;
  readonly since: Position | null;
  readonly reason: HandoverReason | null;
  /** Something has come. */
  isReady = false;
  /** How far it has told; null while that is not known. */
  position: Position | null;
  /** It has told of a gap: where it goes on is not after what was told before. */
  isBehindGap = false;
  readonly #options: LegOptions;
  readonly #listener: LegListener;
  #wire: Wire | null = null;
  #isOver = false;
  #heardMs: number;
  #timer: { cancel(): void };

  constructor(options: LegOptions, listener: LegListener) {
    this.transport = options.transport;
    this.since = options.since;
    this.reason = options.reason;
    this.position = options.since;
    this.#options = options;
    this.#listener = listener;
    this.#heardMs = options.clock.nowMs();
    this.#timer = options.clock.setTimer(() => this.#tooLong(), options.readyTimeoutMs);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  open(openWire: OpenWire, request: WireRequest): void {
    if (this.#isOver) return;
    try {
      this.#wire = openWire(request, {
        onAlive: () => this.#alive(),
        onMessage: (message) => {
          if (!this.#isOver) this.#listener.onMessage(this, message);
        },
        onEnd: (end) => this.end(end),
      });
    } catch (reason) {
      // What a platform refuses to open at all, e.g. by a page's content security policy.
      const message = `${this.transport} cannot be opened: ${String(reason)}.`;
      this.end({ kind: "lost", error: new PlexlineError("DISCONNECTED", { message, cause: reason }) });
    }
    if (this.#isOver) this.#wire?.close();
  }

  get canSend(): boolean {
    return this.isReady && !this.#isOver && this.#wire?.send !== undefined;
  }

  send(message: WireMessage): void {
    if (!this.#isOver) this.#wire?.send?.(message);
  }

  /** Ends it for a reason that is told. */
  end(end: WireEnd): void {
    if (this.#isOver) return;
    this.close();
    this.#listener.onEnd(this, end);
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer.cancel();
    this.#wire?.close();
  }

  #alive(): void {
    if (this.#isOver) return;
    this.#heardMs = this.#options.clock.nowMs();
    if (this.isReady) return;
    this.isReady = true;
    this.#timer.cancel();
    this.#watch();
    this.#listener.onReady(this);
  }

  #watch(): void {
    const { clock, silenceMs } = this.#options;
    this.#timer = clock.setTimer(() => {
      const silentMs = clock.nowMs() - this.#heardMs;
      if (silentMs >= silenceMs) return this.#tooLong();
      if (silentMs > 0) this.send({ type: "ping" });
      this.#watch();
    }, silenceMs / ASKS_PER_SILENCE);
  }

  #tooLong(): void {
    const message = this.isReady
      ? `Nothing was heard over ${this.transport} for too long.`
      : `Nothing came over ${this.transport} in time.`;
    this.end({ kind: "lost", error: new PlexlineError("DISCONNECTED", { message }) });
  }
}
