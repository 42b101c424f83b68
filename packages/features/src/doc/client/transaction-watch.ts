import type { Doc } from "yjs";

/**
 * Notices when a document has become unusable: Yjs finishes its transactions one after another, and if finishing one
 * throws (its own stack overflows, or a listener of "update" throws), it never begins with a later one. The document then
 * looks alive, but tells of no edit any more. What observers of shared types throw does no such harm: Yjs finishes anyway.
 */
export class TransactionWatch {
  readonly #doc: Doc;
  readonly #onStuck: () => void;
  #isLooking = false;

  constructor(doc: Doc, onStuck: () => void) {
    this.#doc = doc;
    this.#onStuck = onStuck;
    doc.on("beforeAllTransactions", this.#lookLater);
    this.#lookLater();
  }

  /** A transaction is being made or finished. Where none can be, as between two tasks, it never will be finished. */
  get isBusy(): boolean {
    // Yjs shows it nowhere else. The list is replaced by an empty one when all is finished, and only then.
    return this.#doc._transactionCleanups.length > 0;
  }

  close(): void {
    this.#doc.off("beforeAllTransactions", this.#lookLater);
  }

  /** Transactions are synchronous: in a microtask they are over, whoever made them and whatever was thrown. */
  readonly #lookLater = (): void => {
    if (this.#isLooking) return;
    this.#isLooking = true;
    queueMicrotask(() => {
      this.#isLooking = false;
      if (this.isBusy) this.#onStuck();
    });
  };
}
