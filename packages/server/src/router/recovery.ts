import type { LogWindow, Position } from "@plexline/protocol";

/** What a reader that is catching up does with the page it has just read. */
export type RecoveryStep<E> =
  /** Hand these on; `live` means that nothing announced is missing, so live publications may follow at once. */
  | { readonly kind: "deliver"; readonly entries: readonly E[]; readonly live: boolean }
  /** What the reader needs is gone: tell it and go on from `position`. */
  | { readonly kind: "gap"; readonly reason: "trimmed" | "reset"; readonly position: Position };

/**
 * Decides one step of catching up. The reader stands at `reader`; `page` was read from there; `announced` is the last
 * offset handed to live subscribers **now**, at the moment of the decision and not of the read. Live publications wait
 * in the log meanwhile: the reader may join them only when it has everything that has been announced, else what was
 * announced between the read and the decision would be lost. This is Centrifugo's merge of recovered and live
 * publications, with the log itself as the buffer.
 */
export function recoveryStep<E extends { readonly offset: number }>(
  reader: Position,
  page: LogWindow & { readonly entries: readonly E[] },
  announced: number,
): RecoveryStep<E> {
  if (page.epoch !== reader.epoch) {
    return { kind: "gap", reason: "reset", position: { epoch: page.epoch, offset: page.head } };
  }
  if (page.floor > reader.offset) {
    return { kind: "gap", reason: "trimmed", position: { epoch: page.epoch, offset: page.floor } };
  }
  if (reader.offset > page.head) {
    return { kind: "gap", reason: "reset", position: { epoch: page.epoch, offset: page.head } };
  }
  const last = page.entries.at(-1)?.offset ?? reader.offset;
  return { kind: "deliver", entries: page.entries, live: last >= announced };
}
