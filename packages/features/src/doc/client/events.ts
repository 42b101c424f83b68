import type { TopicStatus } from "@plexline/client";
import type { PlexlineError } from "@plexline/protocol";

/**
 * How the local edits stand. `saved`: all are durable on the server. `saving`: some are on their way. `offline`: some wait
 * for a connection.
 */
export type SaveState = "saved" | "saving" | "offline";

/** The topic's status, and in the word that Yjs providers use for it. */
export type DocStatus = TopicStatus & { readonly status: "connected" | "connecting" | "disconnected" };

/** The document on the server is another one now; the handle has ended. */
export interface DocReset {
  readonly reason: "reset";
  /** All that this document held, as a Yjs update: the copy from which unsaved work can be rescued. */
  readonly update: Uint8Array;
}

/** What happens to a document, by the name to listen to. */
export interface DocEvents {
  /** Whether the document has everything that the server has. */
  synced: boolean;
  /** The same under the name that y-websocket gives it first. */
  sync: boolean;
  unsaved: number;
  saveState: SaveState;
  status: DocStatus;
  error: PlexlineError;
  reset: DocReset;
}

type Listener = (value: never) => void;

/** The listeners of one handle. One that throws disturbs nobody: its error surfaces as an unhandled rejection. */
export class DocEmitter {
  readonly #listeners = new Map<string, Set<Listener>>();

  on<Name extends keyof DocEvents>(name: Name, listener: (value: DocEvents[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set<Listener>();
    this.#listeners.set(name, listeners.add(listener));
    return () => this.off(name, listener);
  }

  off<Name extends keyof DocEvents>(name: Name, listener: (value: DocEvents[Name]) => void): void {
    this.#listeners.get(name)?.delete(listener);
  }

  emit<Name extends keyof DocEvents>(name: Name, value: DocEvents[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: DocEvents[Name]) => void)(value);
      } catch (reason) {
        void Promise.reject(reason);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
