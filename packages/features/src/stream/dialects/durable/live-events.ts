import type { BinaryMessage, PushMessage, ServerMessage } from "@plexline/protocol";
import type { SharedTranslation } from "@plexline/server";
import { formatCursor } from "../../cursor.ts";
import { STREAM_EVENT, type StreamKind } from "../../protocol.ts";
import { controlEvent, dataEvent } from "./sse.ts";

/** The log that events are of. */
export interface LiveLog {
  readonly topic: string;
  readonly epoch: string;
  readonly kind: StreamKind;
}

/**
 * The entries of one log as events of SSE, for all its readers: each entry is rendered once when it comes, and what comes in
 * one tick leaves as one write for each reader. Those who are behind are given entries that are older than the head, which
 * tells that more follows.
 */
export class LiveEvents {
  readonly translation: SharedTranslation = { shared: (message) => this.#render(message) };
  readonly #log: LiveLog;
  readonly #cursor: () => string;
  /** The newest entry that is known of. */
  #head = Number.POSITIVE_INFINITY;
  #endOffset = Number.POSITIVE_INFINITY;

  /** `cursor` tells that of the present. */
  constructor(log: LiveLog, cursor: () => string) {
    this.#log = log;
    this.#cursor = cursor;
  }

  /** A reader has been told where the head of the log is. */
  reach(head: number): void {
    const isKnown = Number.isFinite(this.#head);
    this.#head = isKnown ? Math.max(this.#head, head) : head;
  }

  /** Whether a reader who has been handed all up to this offset has the end of the stream. */
  isEnd(offset: number): boolean {
    return offset >= this.#endOffset;
  }

  #render(message: ServerMessage | BinaryMessage): string | null {
    if (!("type" in message) || message.type !== "push" || message.offset === undefined) return null;
    return this.#renderEntry(message, message.offset);
  }

  /** An entry as its data event and the control event that follows it; null if it is nothing to HTTP [DS20]. */
  #renderEntry({ event, payload }: PushMessage, offset: number): string | null {
    const { kind, epoch } = this.#log;
    const isNew = offset > this.#head;
    if (isNew) this.#head = offset;
    if (event === STREAM_EVENT.close) {
      this.#endOffset = offset;
      const nextOffset = formatCursor({ epoch, offset: Math.max(0, offset - 1) });
      return controlEvent({ nextOffset, upToDate: true, closed: true });
    }
    const upToDate = offset === this.#head;
    const control = () =>
      controlEvent({
        nextOffset: formatCursor({ epoch, offset }),
        cursor: this.#cursor(),
        upToDate,
        closed: false,
      });
    if (event === STREAM_EVENT.chunk) return dataEvent(kind, [payload]) + control();
    // It is none for HTTP; that nothing follows is to be told all the same to those who were behind.
    return upToDate && !isNew ? control() : null;
  }
}

/** The logs that somebody reads live. */
export class LiveLogs {
  readonly #logs = new Map<string, { readonly events: LiveEvents; readers: number }>();
  readonly #cursor: () => string;

  constructor(cursor: () => string) {
    this.#cursor = cursor;
  }

  /** The events of a log for another reader, who gives them back by `leave`. */
  join(log: LiveLog): LiveEvents {
    const key = keyOf(log);
    let live = this.#logs.get(key);
    if (!live) {
      live = { events: new LiveEvents(log, this.#cursor), readers: 0 };
      this.#logs.set(key, live);
    }
    live.readers += 1;
    return live.events;
  }

  leave(log: LiveLog): void {
    const key = keyOf(log);
    const live = this.#logs.get(key);
    if (!live) return;
    live.readers -= 1;
    if (live.readers === 0) this.#logs.delete(key);
  }
}

const keyOf = ({ topic, epoch, kind }: LiveLog): string => `${topic}\n${epoch}\n${kind}`;
