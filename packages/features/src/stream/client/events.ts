import type { PlexlineError, Position } from "@plexline/protocol";
import type {
  InputRequest,
  ProducerChange,
  RequestOutcome,
  StreamEnd,
  StreamInfo,
  StreamRequest,
} from "../protocol.ts";
import type { StreamGap } from "../transport.ts";

/** Where an event stands, and whose it is. */
export interface StreamMeta {
  readonly offset: number;
  /** Its place as one text: whoever gives it as `since` is given what follows. */
  readonly cursor: string;
  readonly position: Position;
  /** When the server accepted it, in milliseconds since 1970. */
  readonly atMs?: number;
  /** Principal that it is attributed to. */
  readonly user?: string;
}

/** How a handle stands. */
export type StreamStatus =
  /** Nobody listens yet, or it was left. */
  | { readonly state: "idle" }
  /** Asked for as soon as there is a connection. */
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** An iteration is slower than the stream: nothing is taken from the wire until it has caught up. */
  | { readonly state: "paused" }
  /** The stream is closed, and all of it has been handed on. */
  | { readonly state: "closed" }
  | { readonly state: "failed"; readonly error: PlexlineError };

/** Events of the log, by the name to listen to. */
export interface StreamLogEvents<Chunk> {
  chunk: Chunk;
  request: StreamRequest;
  outcome: RequestOutcome;
  ask: InputRequest;
  producer: ProducerChange;
  close: StreamEnd;
}

/** What else a handle tells. */
export interface StreamHandleEvents<State> {
  /** What was missed cannot be had any more; what is kept follows, or the fold. */
  gap: StreamGap;
  /** What the stream is, as the server last said; null while it is absent. */
  info: StreamInfo | null;
  /** The state after each event, and when it was loaded afresh. */
  fold: State;
  status: StreamStatus;
  /** The handle has ended for this reason. */
  error: PlexlineError;
}

type Listener = (...values: never[]) => void;

/** The listeners of one handle. One that throws disturbs nobody: its error surfaces as an unhandled rejection. */
export class StreamEmitter {
  readonly #listeners = new Map<string, Set<Listener>>();

  get size(): number {
    let size = 0;
    for (const listeners of this.#listeners.values()) size += listeners.size;
    return size;
  }

  has(name: string): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  on(name: string, listener: Listener): () => void {
    // Wrapped, so that the same function given twice is two listeners with an `off` each.
    const own: Listener = (...values) => listener(...values);
    const listeners = this.#listeners.get(name) ?? new Set<Listener>();
    this.#listeners.set(name, listeners.add(own));
    return () => void listeners.delete(own);
  }

  emit(name: string, ...values: unknown[]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (...values: unknown[]) => void)(...values);
      } catch (reason) {
        void Promise.reject(reason);
      }
    }
  }
}
