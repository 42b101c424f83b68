import type { BinaryMessage, ServerMessage } from "@plexline/protocol";
import type { SharedTranslation } from "@plexline/server";
import { type ToldEvent, toRunEvent } from "../../run/run-event.ts";

/** Words of a wire for the events of one run; null for one that it has no word for. */
export type RenderEvent = (told: ToldEvent) => string | null;

/** A wire that keeps something of a run. */
export interface RunRenderer {
  readonly render: RenderEvent;
  /** Whether nothing is told after this event. Default: after `close`. */
  readonly isEnd?: (told: ToldEvent) => boolean;
}

/** The events of one run in the words of one wire, made once for all who read it. */
export interface Rendering<Renderer extends RunRenderer = RunRenderer> {
  readonly translation: SharedTranslation;
  readonly renderer: Renderer;
  /** Whether an event after which nothing is told is among those after `from`, up to `to`. */
  endsWithin(from: number, to: number): boolean;
  release(): void;
}

interface Shared<Renderer> {
  readonly renderer: Renderer;
  readonly translation: SharedTranslation;
  /** Offsets of the events after which nothing is told: the last of the run, or those of lost producers. */
  readonly ends: Set<number>;
  readers: number;
}

/** The renderings of all runs that are read in one wire. They are kept for as long as they are read. */
export class Renderings<Renderer extends RunRenderer = RunRenderer> {
  readonly #open: (runId: string) => Renderer;
  readonly #shared = new Map<string, Shared<Renderer>>();

  constructor(open: (runId: string) => Renderer) {
    this.#open = open;
  }

  /** That of a run in one epoch of its log: a push does not say its epoch, and every cursor has it. */
  take(runId: string, epoch: string): Rendering<Renderer> {
    const key = `${epoch}\n${runId}`;
    const shared = this.#shared.get(key) ?? this.#make(runId, epoch);
    this.#shared.set(key, shared);
    shared.readers += 1;
    let isReleased = false;
    return {
      translation: shared.translation,
      renderer: shared.renderer,
      endsWithin(from, to) {
        for (const end of shared.ends) if (end > from && end <= to) return true;
        return false;
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

  #make(runId: string, epoch: string): Shared<Renderer> {
    const renderer = this.#open(runId);
    const { render, isEnd = isClose } = renderer;
    const ends = new Set<number>();
    const hear = (message: ServerMessage | BinaryMessage): string | null => {
      if (!("type" in message) || message.type !== "push") return null;
      const told = toRunEvent(message, epoch);
      if (told === null) return null;
      if (isEnd(told) && message.offset !== undefined) ends.add(message.offset);
      return render(told);
    };
    return { renderer, translation: { shared: hear }, ends, readers: 0 };
  }
}

function isClose({ type }: ToldEvent): boolean {
  return type === "close";
}
