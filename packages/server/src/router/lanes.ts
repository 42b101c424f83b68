import type { Caller } from "./caller.ts";

/** Keeps the requests of one session about one topic in their order, while all others go their own way. */
export class Lanes {
  readonly #lanes = new WeakMap<Caller, Map<string, Promise<unknown>>>();

  /** Whether something of this session and topic is waiting or under way. */
  isBusy(caller: Caller, topic: string): boolean {
    return this.#lanes.get(caller)?.has(topic) ?? false;
  }

  /** Runs work after what came before it in its lane, whether that succeeded or not. */
  inTurn<T>(caller: Caller, topic: string, work: () => T | Promise<T>): Promise<T> {
    const lanes = this.#lanes.get(caller) ?? new Map<string, Promise<unknown>>();
    this.#lanes.set(caller, lanes);
    const before = lanes.get(topic);
    const turn = before ? before.then(work, work) : Promise.resolve().then(work);
    lanes.set(topic, turn);
    const leave = () => {
      if (lanes.get(topic) === turn) lanes.delete(topic);
    };
    turn.then(leave, leave);
    return turn;
  }
}
