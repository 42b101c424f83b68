import { type LogWindow, PlexlineError, type Position } from "@plexline/protocol";
import type { Binary, TopicContext } from "@plexline/server";
import { readStep } from "./log-step.ts";
import { logChanged } from "./log-tail.ts";
import { messagesOf } from "./message-pieces.ts";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { createSnapshotCache, type DocumentSnapshot, type SnapshotCache } from "./snapshot-cache.ts";
import { SegmentGone } from "./stored-segment.ts";
import type { DocWorker, Pieces } from "./worker/jobs.ts";

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
  readonly update: Promise<readonly Uint8Array[]>;
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
  const document = `${topic.tenant}/${topic.topic}`;

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
  const atLeast = async (window: Window): Promise<readonly Uint8Array[]> => {
    for (;;) {
      if (newest && covers(newest.position, window)) return newest.update;
      if (!newest || !isMaking) break;
      await newest.update.catch(() => {});
    }
    return make(topic.window ?? window).update;
  };
  const read = async (window: Window): Promise<readonly Uint8Array[]> => {
    const release = snapshots.enter();
    try {
      for (;;) {
        const stored = await snapshots.newest();
        if (stored && stored.position.epoch !== window.epoch) throw logChanged();
        try {
          const update = await foldStored(window, stored);
          if (topic.window?.epoch !== window.epoch) throw logChanged();
          return update;
        } catch (error) {
          if (!(error instanceof SegmentGone)) throw error;
          snapshots.renew();
        }
      }
    } finally {
      release();
    }
  };
  const foldStored = async (window: Window, stored: DocumentSnapshot | undefined) => {
    try {
      return await fold(window, await segmentsOf(stored), stored?.position.offset ?? 0);
    } catch (error) {
      const isUnfit = error instanceof PlexlineError && error.code === "UPDATE_INVALID";
      const [base, ...merged] = stored?.segments ?? [];
      if (!isUnfit || base === undefined || merged.length === 0) throw error;
      // One bad update has made a merged segment unfit: the log still has each of them by itself.
      return fold(window, [await base.readUpdate()], base.to);
    }
  };
  /** Not the shared ones: the worker takes them away. */
  const segmentsOf = async (stored: DocumentSnapshot | undefined): Promise<Pieces[]> => {
    const segments: Pieces[] = [];
    for (const segment of stored?.segments ?? []) segments.push(await segment.readUpdate());
    return segments;
  };
  const fold = async (window: Window, stored: Pieces[], from: number): Promise<readonly Uint8Array[]> => {
    let [segments, at] = [stored, from];
    while (at < window.head || segments.length > 1) {
      const { batches, offsets, to } = await readStep(topic, window, at);
      at = Math.max(at, to);
      // What is stored as one update is the answer as it is.
      if (offsets.length === 0 && segments.length < 2) continue;
      if (segments.length === 0 && offsets.length === 1 && at >= window.head) return [batches[0]!.bytes];
      const folded = await worker.fold({ how: "fold", segments, batches, document });
      tellSkipped(folded.skipped ?? [], offsets);
      segments = [[folded.update]];
    }
    return segments[0] ?? [EMPTY_UPDATE];
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
        const pieces = await atLeast(topic.window ?? { epoch: "", head: 0 });
        for await (const piece of messagesOf(topic, DOC_KIND.state, pieces, parts)) {
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
