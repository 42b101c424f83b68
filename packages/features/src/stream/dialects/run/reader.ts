import { PlexlineError, type Position } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import { formatCursor } from "../../cursor.ts";
import type { RunState } from "../../run/fold.ts";
import type { ToldEvent } from "../../run/run-event.ts";
import type { Renderings } from "./rendering.ts";
import { readStanding, type Standing } from "./standing.ts";
import { RunTail } from "./tail.ts";

/** What a reader is told at first. */
export interface Connected {
  readonly cursor: string;
  readonly status: string | null;
  readonly closed: boolean;
}

/** A wire's words for what is one reader's own. */
export interface ReaderWords {
  connected(connected: Connected): string;
  snapshot(cursor: string, state: RunState | null): string;
  gap(reason: "trimmed" | "reset"): string;
  event(told: ToldEvent): string;
}

export interface ReaderListener {
  /** So many further events have been handed over. */
  handed?(count: number): void;
  /** The reader has been told of a gap. */
  gap?(): void;
  /** The run's last event has been handed over. */
  finished?(): void;
  /** The client may not read it any more. What is returned is told to it. */
  ended(error: PlexlineError): string | null;
  /** It could not be read on after a gap. */
  failed(error: PlexlineError): void;
}

/** Newcomers may find what they have just been told dropped; who is overtaken so often cannot be served. */
const TRIES_MAX = 4;

/** One run as one session reads it: where it stands, and then what follows [RN5 to RN7]. */
export class RunReader {
  readonly #ws: EndpointSession;
  readonly #topic: string;
  readonly #words: ReaderWords;
  readonly #listener: ReaderListener;
  readonly #tail: RunTail;
  #isOver = false;

  constructor(
    ws: EndpointSession,
    run: { readonly topic: string; readonly runId: string },
    { words, renderings }: { readonly words: ReaderWords; readonly renderings: Renderings },
    listener: ReaderListener,
  ) {
    this.#ws = ws;
    this.#topic = run.topic;
    this.#words = words;
    this.#listener = listener;
    this.#tail = new RunTail(ws, run, renderings, {
      handed: (count) => listener.handed?.(count),
      finished: () => listener.finished?.(),
      lost: (reason) => {
        listener.gap?.();
        // Not in the middle of the message that is being sent.
        queueMicrotask(() => void this.#goOn());
        return words.gap(reason);
      },
      ended: (error) => listener.ended(error),
    });
  }

  /**
   * Tells where the run stands, and follows it: after a cursor what was missed, without one its snapshot. Rejects with a
   * PlexlineError, and the client has been told nothing, if it may not be read.
   */
  async begin(since: Position | null): Promise<void> {
    const standing = await readStanding(this.#ws, this.#topic);
    const { status, closed } = standing;
    const reason = since && (await this.#lossAfter(since));
    if (this.#isOver) return;
    const isResumed = since !== null && reason === null;
    const cursor = formatCursor(isResumed ? since : standing.position);
    this.#ws.send(this.#words.connected({ cursor, status, closed }));
    if (isResumed) {
      if (await this.#tail.follow(since)) return;
      // It was dropped since it was looked at.
      this.#tellGap("trimmed");
    } else if (reason !== null) this.#tellGap(reason);
    await this.#beginAnew(isResumed ? await readStanding(this.#ws, this.#topic) : standing);
  }

  /** Nothing of the run follows. */
  leave(): void {
    this.#isOver = true;
    this.#tail.leave();
  }

  /** The session is over. */
  close(): void {
    this.#isOver = true;
    this.#tail.close();
  }

  async #beginAnew(first: Standing): Promise<void> {
    let standing = first;
    for (let tries = 1; !this.#isOver; tries += 1) {
      this.#ws.send(this.#words.snapshot(formatCursor(standing.position), standing.state));
      if (standing.end) this.#ws.send(this.#words.event(standing.end));
      const isFollowed = await this.#tail.follow(standing.position);
      if (standing.end) this.#listener.finished?.();
      if (isFollowed) return;
      if (tries === TRIES_MAX) throw new PlexlineError("OVERLOADED");
      this.#tellGap("trimmed");
      standing = await readStanding(this.#ws, this.#topic);
    }
  }

  #tellGap(reason: "trimmed" | "reset"): void {
    this.#listener.gap?.();
    this.#ws.send(this.#words.gap(reason));
  }

  /** Why what follows a position cannot be had; null if it can. */
  async #lossAfter(since: Position): Promise<"trimmed" | "reset" | null> {
    return (await this.#ws.read(this.#topic, { since, entriesMax: 1 })).gap;
  }

  async #goOn(): Promise<void> {
    try {
      this.#tail.leave();
      await this.#beginAnew(await readStanding(this.#ws, this.#topic));
    } catch (error) {
      if (!this.#isOver) this.#listener.failed(PlexlineError.from(error, "HANDLER_FAILED"));
    }
  }
}
