import type { Position } from "@plexline/protocol";

/** Consecutive entries of the log that this node has broadcast. */
export interface OwnEntries {
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  /** Number of the first among the topic's broadcasts; the others follow. */
  readonly number: number;
}

/** Which of the entries that have not been announced yet this node has broadcast itself. */
export class UnannouncedOwn {
  #ranges: OwnEntries[] = [];

  add(entries: OwnEntries): void {
    this.#ranges.push(entries);
  }

  /** The entry at a position, if it is one of them. */
  at({ epoch, offset }: Position): OwnEntries | null {
    const range = this.#ranges.find(
      (own) => own.epoch === epoch && own.first <= offset && offset <= own.last,
    );
    return range ? { epoch, first: offset, last: offset, number: range.number + offset - range.first } : null;
  }

  /** Everything up to a position has been announced; other epochs are over. */
  forgetUpTo({ epoch, offset }: Position): void {
    this.#ranges = this.#ranges.filter((own) => own.epoch === epoch && own.last > offset);
  }
}
