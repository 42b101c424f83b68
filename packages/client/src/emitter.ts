/**
 * Typed listeners. `on` returns what takes the listener off again. A listener that throws disturbs neither the
 * others nor the client: its error surfaces as an unhandled rejection, where applications look for such things.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    // Wrapped, so that the same function given twice is two listeners with an `off` each.
    const own = (value: Events[Name]): void => listener(value);
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set.add(own));
    return () => void set.delete(own);
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (reason) {
        void Promise.reject(reason);
      }
    }
  }
}
