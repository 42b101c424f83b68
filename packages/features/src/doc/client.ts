import type { Client, ClientClock, Topic, TopicName, TopicStatus } from "@plexline/client";
import { PlexlineError } from "@plexline/protocol";
import { Awareness } from "y-protocols/awareness";
import { Doc } from "yjs";
import { DocSync } from "./client/doc-sync.ts";
import { DocEmitter, type DocEvents, type SaveState } from "./client/events.ts";

export type { DocEvents, DocReset, DocStatus, SaveState } from "./client/events.ts";

/** How a document is opened. */
export interface DocOptions {
  /** The Y.Doc to keep the same as the server's, for example one that a local store fills. Default: a new one. */
  readonly doc?: Doc;
  /** Who is here. Default: a new one, which ends with the handle; `null` for none. */
  readonly awareness?: Awareness | null;
  /** Share edits and awareness with this browser's other tabs directly. Default: where there is a `window`. */
  readonly broadcast?: boolean;
  /** Connect at once. Default true; else `connect()` does. */
  readonly connect?: boolean;
}

/**
 * One Yjs document as the application uses it, in the shape of a Yjs provider. Handles of one document in one client share
 * its Y.Doc and awareness, which are kept until the last of them is destroyed.
 *
 * @example
 * const page = plex.doc("page", { id: "9" });
 * const text = page.doc.getText("content");
 * new EditorView({ extensions: [yCollab(text, page.awareness)], parent });
 * page.on("saveState", (state) => show(state)); // "saved": on the server's disk
 */
export interface DocHandle {
  readonly doc: Doc;
  readonly awareness: Awareness | null;
  /** Also the origin of changes that came from the server. */
  readonly topic: Topic;
  readonly status: TopicStatus;
  /** Everything that the server has is in `doc`. */
  readonly synced: boolean;
  /** Local edits that are not known to be durable on the server; 0: all is saved. */
  readonly unsaved: number;
  readonly saveState: SaveState;
  /** Why what is unsaved cannot be saved as things are. */
  readonly saveError: PlexlineError | undefined;
  /** Whether the server takes edits of this user, as it last said; false until then. */
  readonly canWrite: boolean;
  /** Resolves when `synced`; rejects with a PlexlineError when refused, replaced by another document, or destroyed. */
  whenSynced(): Promise<void>;
  /**
   * Resolves when nothing is unsaved; waits while offline. Rejects with a PlexlineError when it cannot be: FORBIDDEN for a
   * reader, CLIENT_CLOSED after `destroy`, or what the server refused the edits with.
   */
  whenSaved(): Promise<void>;
  /** Listens; returns what stops it. */
  on<Name extends keyof DocEvents>(name: Name, listener: (value: DocEvents[Name]) => void): () => void;
  off<Name extends keyof DocEvents>(name: Name, listener: (value: DocEvents[Name]) => void): void;
  /** Subscribes; again after a refusal. */
  connect(): void;
  /** Goes offline with this document; edits are kept and counted. */
  disconnect(): void;
  /** Lets the document go: others no longer see this awareness, `doc` stays usable by itself. Unsaved edits are not waited for. */
  destroy(): void;
}

/** What documents need of the client they belong to. */
export interface DocsOptions {
  readonly client: Pick<Client, "topic" | "on" | "status" | "welcome">;
  /** The client's server, which tells tabs of different servers apart. */
  readonly url: string;
  readonly clock?: Pick<ClientClock, "setTimer">;
}

/** Makes the handles of one client's documents. */
export type OpenDoc = (name: TopicName, options?: DocOptions) => DocHandle;

interface OpenedDoc {
  readonly sync: DocSync;
  readonly handles: Set<SharedDoc>;
}

const systemTimers: Pick<ClientClock, "setTimer"> = {
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export function createDocs({ client, url, clock = systemTimers }: DocsOptions): OpenDoc {
  /** By name and by address, once that is known. */
  const opened = new Map<string, OpenedDoc>();
  client.on("status", ({ state }) => {
    if (state !== "closed") return;
    for (const { sync } of [...opened.values()]) sync.end(new PlexlineError("CLIENT_CLOSED"));
  });

  function open(name: TopicName, options: DocOptions): OpenedDoc {
    const key = keyOf(name);
    const { doc = new Doc(), broadcast = globalThis.window !== undefined } = options;
    const handles = new Set<SharedDoc>();
    const entry: OpenedDoc = {
      handles,
      sync: new DocSync({
        topic: client.topic(name),
        doc,
        awareness: options.awareness === undefined ? new Awareness(doc) : options.awareness,
        ownsAwareness: options.awareness === undefined,
        clock,
        tabsName(address, epoch) {
          const { welcome } = client;
          if (!broadcast || welcome === null) return undefined;
          return JSON.stringify(["plexline", url, welcome.tenant, welcome.user, address, epoch]);
        },
        claim(address) {
          if ((opened.get(address) ?? entry) !== entry) throw openedTwice(address);
          opened.set(address, entry);
        },
        emit(event, value) {
          for (const handle of [...handles]) handle.emitter.emit(event, value);
        },
        onEnd() {
          for (const [other, { sync }] of opened) if (sync === entry.sync) opened.delete(other);
        },
      }),
    };
    opened.set(key, entry);
    return entry;
  }

  return (name, options = {}) => {
    const before = opened.get(keyOf(name));
    const entry = before ?? open(name, options);
    const { sync } = entry;
    const isOther = <Value>(given: Value | undefined, shared: Value): boolean =>
      given !== undefined && given !== shared;
    if (isOther(options.doc, sync.doc) || isOther(options.awareness, sync.awareness)) {
      throw openedTwice(typeof name === "string" ? name : name.name);
    }
    const handle = new SharedDoc(entry);
    if (client.status.state === "closed") sync.end(new PlexlineError("CLIENT_CLOSED"));
    else if (options.connect !== false && sync.status.state === "unsubscribed") sync.connect();
    return handle;
  };
}

/** One of the handles of a document. */
class SharedDoc implements DocHandle {
  readonly emitter = new DocEmitter();
  readonly #opened: OpenedDoc;
  readonly #sync: DocSync;

  constructor(opened: OpenedDoc) {
    this.#opened = opened;
    this.#sync = opened.sync;
    opened.handles.add(this);
  }

  get doc(): Doc {
    return this.#sync.doc;
  }

  get awareness(): Awareness | null {
    return this.#sync.awareness;
  }

  get topic(): Topic {
    return this.#sync.topic;
  }

  get status(): TopicStatus {
    return this.#sync.status;
  }

  get synced(): boolean {
    return this.#sync.synced;
  }

  get unsaved(): number {
    return this.#sync.unsaved;
  }

  get saveState(): SaveState {
    return this.#sync.saveState;
  }

  get saveError(): PlexlineError | undefined {
    return this.#sync.saveError;
  }

  get canWrite(): boolean {
    return this.#sync.canWrite;
  }

  whenSynced(): Promise<void> {
    return this.#sync.whenSynced();
  }

  whenSaved(): Promise<void> {
    return this.#sync.whenSaved();
  }

  on<Name extends keyof DocEvents>(name: Name, listener: (value: DocEvents[Name]) => void): () => void {
    return this.emitter.on(name, listener);
  }

  off<Name extends keyof DocEvents>(name: Name, listener: (value: DocEvents[Name]) => void): void {
    this.emitter.off(name, listener);
  }

  connect(): void {
    if (this.status.state === "unsubscribed") this.#sync.connect();
  }

  disconnect(): void {
    this.#sync.disconnect();
  }

  destroy(): void {
    if (!this.#opened.handles.has(this)) return;
    // The last one still hears its own end.
    if (this.#opened.handles.size === 1) this.#sync.destroy();
    this.#opened.handles.delete(this);
    this.emitter.clear();
  }
}

function keyOf(name: TopicName): string {
  if (typeof name === "string") return name;
  return JSON.stringify([name.name, Object.entries(name.params).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function openedTwice(name: string): PlexlineError {
  return new PlexlineError("OPERATION_UNSUPPORTED", {
    message: `The document "${name}" is already open in this client with another Y.Doc, awareness or name.`,
    fix: "Use the doc and awareness of the first handle, under the same name, or destroy that handle first.",
  });
}
