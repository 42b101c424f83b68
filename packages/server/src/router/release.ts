/** Something that comes again and again, and that many may wait for. */
export class Release {
  #waiting: (() => void)[] = [];

  /** Resolves when it comes the next time. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  come(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}
