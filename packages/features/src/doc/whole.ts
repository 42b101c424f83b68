import type { LogWindow, Position } from "@plexline/protocol";
import type { Binary, TopicContext } from "@plexline/server";
import { readStep } from "./log-step.ts";
import { logChanged } from "./log-tail.ts";
import { partsOf } from "./parts.ts";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { createSnapshotCache, type SnapshotCache } from "./snapshot-cache.ts";
import type { DocWorker } from "./worker/jobs.ts";

type Window = Pick<LogWindow, "epoch" | "head">;

/** A document as one update, for whoever asks for its `state`. */
export interface Wholes {
  /**
   * Answers a `state` with what is durable when the first message is asked for [DC19]. With `parts`, an answer longer than a
   * part is cut. Throws a PlexlineError when the storage or the worker does, or when the log becomes another one meanwhile;
   * the asker has to ask again.
   *
   * @param onAnswered The answer is complete but for the message that is handed over next.
   * @example
   * await topic.feed(member, wholes.messages({ parts: true }));
   */
  messages(options: { readonly parts: boolean; readonly onAnswered?: () => void }): AsyncGenerator<Binary>;
}

interface Whole {
  readonly position: Position;
  readonly update: Promise<Uint8Array>;
}

/**
 * Makes one update of a document. One fold at a time: who asks for more than it will hold shares the next one with all others
 * who do. The newest is kept for as long as somebody is being answered, and nothing afterwards.
 */
export function createWholes(
  topic: TopicContext,
  worker: DocWorker,
  snapshots: SnapshotCache = createSnapshotCache(topic),
): Wholes {
  let newest: Whole | undefined;
  let isMaking = false;
  let askers = 0;

  const make = (window: Window): Whole => {
    isMaking = true;
    const update = read(window).finally(() => {
      isMaking = false;
    });
    const whole = { position: { epoch: window.epoch, offset: window.head }, update };
    newest = whole;
    // A failure is told to those who wait for it; the next one to come tries again.
    update.catch(() => {
      if (newest === whole) newest = undefined;
    });
    return whole;
  };
  /** An update that holds everything up to the window's head. */
  const atLeast = async (window: Window): Promise<Uint8Array> => {
    for (;;) {
      if (newest && covers(newest.position, window)) return newest.update;
      if (!newest || !isMaking) break;
      await newest.update.catch(() => {});
    }
    return make(topic.window ?? window).update;
  };
  const read = async (window: Window): Promise<Uint8Array> => {
    const release = snapshots.enter();
    try {
      const stored = await snapshots.newest();
      if (stored && stored.position.epoch !== window.epoch) throw logChanged();
      const update = await fold(window, stored?.update, stored?.position.offset ?? 0);
      if (topic.window?.epoch !== window.epoch) throw logChanged();
      return update;
    } finally {
      release();
    }
  };
  const fold = async (window: Window, base: Uint8Array | undefined, from: number): Promise<Uint8Array> => {
    let [snapshot, at] = [base, from];
    while (at < window.head) {
      const { updates, offsets, to } = await readStep(topic, window, at);
      at = to;
      // What is stored as one update is the answer as it is.
      if (updates.length === 0) continue;
      if (snapshot === undefined && updates.length === 1 && at >= window.head) return updates[0]!;
      const folded = await worker.compact({ snapshot, updates });
      tellSkipped(folded.skipped ?? [], offsets);
      snapshot = folded.update;
    }
    return snapshot ?? EMPTY_UPDATE;
  };
  const tellSkipped = (skipped: readonly number[], offsets: readonly number[]): void => {
    if (skipped.length === 0) return;
    topic.log.error(
      { action: "doc.state", topic: topic.topic, offsets: skipped.map((index) => offsets[index]) },
      "Updates that Yjs cannot apply were left out of an answer.",
    );
  };

  return {
    async *messages({ parts, onAnswered }) {
      askers += 1;
      try {
        const payload = await atLeast(topic.window ?? { epoch: "", head: 0 });
        const message = { kind: DOC_KIND.state, payload };
        for (const piece of parts ? partsOf(message) : [message]) {
          const isLast = piece.kind !== DOC_KIND.part || piece.payload[0] === 1;
          if (isLast) onAnswered?.();
          yield piece;
        }
      } finally {
        askers -= 1;
        if (askers === 0) newest = undefined;
      }
    },
  };
}

function covers(position: Position, { epoch, head }: Window): boolean {
  return position.epoch === epoch && position.offset >= head;
}
