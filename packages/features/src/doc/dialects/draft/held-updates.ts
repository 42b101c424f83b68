/** Characters that wait at most; beyond it updates go before the state, which Yjs can take. */
const CHARS_MAX = 256 * 1024;

/** Live updates that came before the state that is on its way. Holds from the beginning. */
export class HeldUpdates {
  /** Null when no state is awaited. */
  #texts: string[] | null = [];
  #chars = 0;

  get isHolding(): boolean {
    return this.#texts !== null;
  }

  /** A state is awaited from now on. */
  begin(): void {
    this.#texts ??= [];
  }

  /** Keeps an update while it holds. Returns whether it is time to release: too much waits. */
  add(text: string): boolean {
    this.#texts?.push(text);
    this.#chars += text.length;
    return this.#chars > CHARS_MAX;
  }

  /** Hands all over in their order, and holds no longer. What is added meanwhile joins the end. */
  release(send: (text: string) => void): void {
    for (const text of this.#texts ?? []) send(text);
    this.drop();
  }

  /** Forgets all, and holds no longer. */
  drop(): void {
    this.#texts = null;
    this.#chars = 0;
  }
}
