import { type BinaryMessage, PlexlineError, type Position, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession } from "@plexline/server";
import type { Rendering, Renderings } from "./rendering.ts";

/** Who hears what happens to a tail. What is returned is told to the client. */
export interface TailListener {
  /** So many further events have been handed over. */
  handed?(count: number): void;
  /** The run's last event has been handed over. */
  finished(): void;
  /** What would come next is gone: nothing follows until `follow` is called again. */
  lost(reason: "trimmed" | "reset"): string | null;
  /** The client may not read it any more. */
  ended(error: PlexlineError): string | null;
}

/** The events of one run after a position, as one session is told them. */
export class RunTail {
  readonly #ws: EndpointSession;
  readonly #topic: string;
  readonly #runId: string;
  readonly #renderings: Renderings;
  readonly #listener: TailListener;
  #rendering: Rendering | null = null;

  constructor(
    ws: EndpointSession,
    { topic, runId }: { readonly topic: string; readonly runId: string },
    renderings: Renderings,
    listener: TailListener,
  ) {
    this.#ws = ws;
    this.#topic = topic;
    this.#runId = runId;
    this.#renderings = renderings;
    this.#listener = listener;
  }

  /** Tells what follows a position; false, and nothing is told, if that cannot be had any more. */
  async follow(since: Position): Promise<boolean> {
    const rendering = this.#renderings.take(this.#runId, since.epoch);
    this.leave();
    this.#rendering = rendering;
    let isFinished = false;
    let handed = since.offset;
    try {
      const { recovered } = await this.#ws.subscribe(this.#topic, {
        since,
        translate: rendering.translation,
        own: {
          translate: (message) => (this.#rendering === rendering ? this.#hear(message) : null),
          handed: (offset) => {
            if (offset > handed) this.#listener.handed?.(offset - handed);
            handed = Math.max(handed, offset);
            if (isFinished || !rendering.endsWithin(since.offset, offset)) return;
            isFinished = true;
            if (this.#rendering === rendering) this.#listener.finished();
          },
        },
      });
      if (!recovered) this.leave();
      return recovered;
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  leave(): void {
    if (this.#rendering === null) return;
    this.#release();
    this.#ws.unsubscribe(this.#topic);
  }

  /** The session is over. */
  #release(): void {
    this.#rendering?.release();
    this.#rendering = null;
  }

  /** The session is over: there is nothing to unsubscribe. */
  close(): void {
    this.#release();
  }

  #hear(message: ServerMessage | BinaryMessage): string | null {
    if (!("type" in message)) return null;
    if (message.type === "gap") return this.#listener.lost(message.reason);
    // An `error` says that the log cannot be read now; the engine goes on trying.
    if (message.type !== "unsubscribed") return null;
    this.#release();
    return this.#listener.ended(PlexlineError.fromBody(message.error));
  }
}
