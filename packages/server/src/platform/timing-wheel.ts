import type { Clock, Timer } from "./clock.ts";

/** Something with one deadline. An object and not a callback: ten thousand connections need no closures. */
export interface DeadlineItem {
  /** The deadline passed. The item is no longer scheduled; it may schedule itself again. */
  onDeadline(): void;
}

export interface TimingWheelOptions {
  readonly clock: Clock;
  /** How late a deadline may be noticed, and how often the one timer runs. Default 1,000. */
  readonly tickMs?: number;
  /** Slots of the wheel; delays longer than `slots × tickMs` go around more than once. Default 64. */
  readonly slots?: number;
  /** An `onDeadline` threw; the others run all the same. */
  readonly onError: (error: unknown) => void;
}

/** Deadlines for many items with one timer. Every call costs the same, however many items there are. */
export interface TimingWheel {
  /** Sets or replaces the item's deadline. Runs never early, and at most one tick late. */
  schedule(item: DeadlineItem, delayMs: number): void;
  /** Starts the item's delay again from now; does nothing if it is not scheduled. */
  touch(item: DeadlineItem): void;
  cancel(item: DeadlineItem): void;
  /** Items scheduled. */
  readonly size: number;
  /** Forgets every item. */
  close(): void;
}

interface Scheduled {
  readonly item: DeadlineItem;
  delayMs: number;
  deadlineMs: number;
  /** Slot it lies in. May be earlier than its deadline: it is moved on when its turn comes. */
  slot: Set<Scheduled>;
}

/** Makes a wheel. Its timer runs only while something is scheduled. */
export function createTimingWheel(options: TimingWheelOptions): TimingWheel {
  return new Wheel(options);
}

class Wheel implements TimingWheel {
  readonly #clock: Clock;
  readonly #tickMs: number;
  readonly #slots: Set<Scheduled>[];
  readonly #onError: (error: unknown) => void;
  readonly #scheduled = new Map<DeadlineItem, Scheduled>();
  /** Ticks since the clock's start that have been handled. */
  #tick = 0;
  #timer: Timer | undefined;

  constructor({ clock, tickMs = 1_000, slots = 64, onError }: TimingWheelOptions) {
    this.#clock = clock;
    this.#tickMs = tickMs;
    this.#slots = Array.from({ length: slots }, () => new Set());
    this.#onError = onError;
  }

  get size(): number {
    return this.#scheduled.size;
  }

  schedule(item: DeadlineItem, delayMs: number): void {
    this.cancel(item);
    const deadlineMs = this.#clock.monotonicMs() + delayMs;
    this.#start();
    const scheduled: Scheduled = { item, delayMs, deadlineMs, slot: this.#slotOf(deadlineMs) };
    scheduled.slot.add(scheduled);
    this.#scheduled.set(item, scheduled);
  }

  touch(item: DeadlineItem): void {
    const scheduled = this.#scheduled.get(item);
    // The item stays in its slot until that slot's turn: a busy connection is touched often and moved rarely.
    if (scheduled !== undefined) scheduled.deadlineMs = this.#clock.monotonicMs() + scheduled.delayMs;
  }

  cancel(item: DeadlineItem): void {
    const scheduled = this.#scheduled.get(item);
    if (scheduled === undefined) return;
    scheduled.slot.delete(scheduled);
    this.#scheduled.delete(item);
    // The timer finds an empty wheel at its next tick and stops: connections that come and go do not restart it.
  }

  close(): void {
    for (const slot of this.#slots) slot.clear();
    this.#scheduled.clear();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#tick = this.#tickNow();
    this.#setTimer();
  }

  #setTimer(): void {
    const delayMs = (this.#tick + 1) * this.#tickMs - this.#clock.monotonicMs();
    this.#timer = this.#clock.setTimer(() => this.#turn(), Math.max(0, delayMs));
  }

  #tickNow(): number {
    return Math.floor(this.#clock.monotonicMs() / this.#tickMs);
  }

  /** The slot whose turn is the first tick at or after the deadline, or the next tick if that has passed. */
  #slotOf(deadlineMs: number): Set<Scheduled> {
    const tick = Math.max(Math.ceil(deadlineMs / this.#tickMs), this.#tick + 1);
    return this.#slots[tick % this.#slots.length]!;
  }

  #turn(): void {
    const now = this.#tickNow();
    // After a stall every slot's turn may have come, but none comes twice.
    const first = Math.max(this.#tick + 1, now - this.#slots.length + 1);
    for (let tick = first; tick <= now; tick++) {
      const index = tick % this.#slots.length;
      const due = this.#slots[index]!;
      this.#slots[index] = new Set();
      this.#tick = tick;
      for (const scheduled of due) this.#visit(scheduled);
    }
    this.#timer = undefined;
    if (this.#scheduled.size > 0) this.#setTimer();
  }

  #visit(scheduled: Scheduled): void {
    // A deadline that ran just before may have closed the wheel.
    if (this.#scheduled.get(scheduled.item) !== scheduled) return;
    if (scheduled.deadlineMs > this.#clock.monotonicMs()) {
      scheduled.slot = this.#slotOf(scheduled.deadlineMs);
      scheduled.slot.add(scheduled);
      return;
    }
    this.#scheduled.delete(scheduled.item);
    try {
      scheduled.item.onDeadline();
    } catch (error) {
      this.#onError(error);
    }
  }
}
