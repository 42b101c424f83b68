import type { BinaryMessage, ServerMessage } from "@plexline/protocol";
import type { SharedTranslation } from "@plexline/server";
import { type ToldEvent, toRunEvent } from "../../run/run-event.ts";

/** Words of a wire for the events of one run; null for one that it has no word for. */
export type RenderEvent = (told: ToldEvent) => string | null;

/** The events of one run in the words of one wire, made once for all who read it. */
export interface Rendering {
  readonly translation: SharedTranslation;
  /** Offset of the run's `close`; null while nobody has been told of it. */
  readonly closedAt: number | null;
  release(): void;
}

interface Shared {
  readonly translation: SharedTranslation;
  closedAt: number | null;
  readers: number;
}

/** The renderings of all runs that are read in one wire. They are kept for as long as they are read. */
export class Renderings {
  readonly #render: (runId: string) => RenderEvent;
  readonly #shared = new Map<string, Shared>();

  constructor(render: (runId: string) => RenderEvent) {
    this.#render = render;
  }

  /** That of a run in one epoch of its log: a push does not say its epoch, and every cursor has it. */
  take(runId: string, epoch: string): Rendering {
    const key = `${epoch}\n${runId}`;
    const shared = this.#shared.get(key) ?? this.#make(runId, epoch);
    this.#shared.set(key, shared);
    shared.readers += 1;
    let isReleased = false;
    return {
      translation: shared.translation,
      get closedAt() {
        return shared.closedAt;
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        shared.readers -= 1;
        if (shared.readers === 0) this.#shared.delete(key);
      },
    };
  }

  /** How many are kept. */
  get size(): number {
    return this.#shared.size;
  }

  #make(runId: string, epoch: string): Shared {
    const render = this.#render(runId);
    const hear = (message: ServerMessage | BinaryMessage): string | null => {
      if (!("type" in message) || message.type !== "push") return null;
      const told = toRunEvent(message, epoch);
      if (told === null) return null;
      if (told.type === "close") shared.closedAt = message.offset ?? null;
      return render(told);
    };
    const shared: Shared = { translation: { shared: hear }, closedAt: null, readers: 0 };
    return shared;
  }
}
