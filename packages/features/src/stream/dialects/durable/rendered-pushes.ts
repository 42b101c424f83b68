import type { PushMessage } from "@plexline/protocol";
import { formatCursor } from "../../cursor.ts";
import { STREAM_EVENT, type StreamKind } from "../../protocol.ts";
import { controlEvent, dataEvent } from "./sse.ts";

/** What a push is rendered for. */
export interface Reading {
  readonly kind: StreamKind;
  readonly epoch: string;
  readonly cursor: string;
  readonly upToDate: boolean;
}

/**
 * Pushes as events of SSE. What is rendered for one reader is kept for as long as the engine keeps the push, so that a chunk
 * for a hundred readers is rendered once.
 */
export class RenderedPushes {
  readonly #rendered = new WeakMap<PushMessage, string>();

  /** The push for a reader who is up to date with it; null if it is nothing to HTTP. */
  live(push: PushMessage, reading: Omit<Reading, "upToDate">): string | null {
    const known = this.#rendered.get(push);
    if (known !== undefined) return known;
    const text = renderPush(push, { ...reading, upToDate: true });
    if (text !== null) this.#rendered.set(push, text);
    return text;
  }
}

/** A push as its data event and the control event that follows it; null if it is nothing to HTTP [DS20]. */
export function renderPush(
  { event, payload, offset }: PushMessage,
  { kind, epoch, cursor, upToDate }: Reading,
): string | null {
  if (offset === undefined) return null;
  if (event === STREAM_EVENT.close) {
    const nextOffset = formatCursor({ epoch, offset: Math.max(0, offset - 1) });
    return controlEvent({ nextOffset, upToDate: true, closed: true });
  }
  if (event !== STREAM_EVENT.chunk) return null;
  const nextOffset = formatCursor({ epoch, offset });
  return dataEvent(kind, [payload]) + controlEvent({ nextOffset, cursor, upToDate, closed: false });
}
