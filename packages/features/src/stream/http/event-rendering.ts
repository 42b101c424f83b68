import type { PushMessage } from "@plexline/protocol";
import type { SharedTranslation } from "@plexline/server";
import { formatCursor } from "../cursor.ts";
import type { EventMessage, HttpEvent } from "./message.ts";

interface Rendering {
  readonly translation: SharedTranslation;
  readers: number;
}

/**
 * Pushes as messages of an event stream, made once for all who read a log. A push does not say its epoch, and every cursor
 * has it: there is one translation for each epoch, for as long as it is read.
 */
export class EventRenderings {
  readonly #renderings = new Map<string, Rendering>();

  /** That of the topic's log in this epoch, until `release`. */
  take(topic: string, epoch: string): { readonly translation: SharedTranslation; release(): void } {
    const key = `${epoch}\n${topic}`;
    const rendering = this.#renderings.get(key) ?? { translation: translationOf(epoch), readers: 0 };
    this.#renderings.set(key, rendering);
    rendering.readers += 1;
    let isReleased = false;
    return {
      translation: rendering.translation,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        rendering.readers -= 1;
        if (rendering.readers === 0) this.#renderings.delete(key);
      },
    };
  }

  /** How many are kept. */
  get size(): number {
    return this.#renderings.size;
  }
}

/** An entry of the log as HTTP tells it. */
export function toHttpEvent({ event, payload, offset, atMs, user }: PushMessage, epoch: string): HttpEvent {
  return {
    ...{ event, payload, cursor: formatCursor({ epoch, offset: offset ?? 0 }) },
    ...(atMs === undefined ? {} : { atMs }),
    ...(user === undefined ? {} : { user }),
  };
}

/** A message of an event stream; JSON has no line ends outside of strings, and escapes those within. */
export function renderMessage(message: EventMessage): string {
  const id = message.type === "event" ? `id: ${message.cursor}\n` : "";
  return `${id}data: ${JSON.stringify(message)}\n\n`;
}

function translationOf(epoch: string): SharedTranslation {
  return Object.freeze({
    shared: (message: Parameters<SharedTranslation["shared"]>[0]) => {
      const isLogged = "type" in message && message.type === "push" && message.offset !== undefined;
      return isLogged ? renderMessage({ type: "event", ...toHttpEvent(message, epoch) }) : null;
    },
  });
}
