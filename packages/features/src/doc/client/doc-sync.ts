import type { ClientClock, ClientTimer, Topic, TopicEvents, TopicStatus } from "@plexline/client";
import { PlexlineError } from "@plexline/protocol";
import type { Awareness } from "y-protocols/awareness";
import { applyUpdate, type Doc, encodeStateAsUpdate, encodeStateVector, type Transaction } from "yjs";
import { DOC_KIND, type DocInput } from "../protocol.ts";
import { AwarenessRelay } from "./awareness-relay.ts";
import { EditSender } from "./edit-sender.ts";
import type { DocEvents, DocStatus, SaveState } from "./events.ts";
import { PartJoiner } from "./part-joiner.ts";
import { TabChannel } from "./tab-channel.ts";
import { TransactionWatch } from "./transaction-watch.ts";
import { Waiters } from "./waiters.ts";

export interface DocSyncOptions {
  readonly topic: Topic;
  readonly doc: Doc;
  readonly awareness: Awareness | null;
  /** The awareness was made for this document, and ends with it. */
  readonly ownsAwareness: boolean;
  readonly clock: Pick<ClientClock, "setTimer">;
  /** Name of the channel between tabs; undefined for none. */
  tabsName(address: string, epoch: string): string | undefined;
  /** The server accepted the subscription. Throws if the document may not be used under this address. */
  claim(address: string): void;
  emit<Name extends keyof DocEvents>(name: Name, value: DocEvents[Name]): void;
  /** It is over, for good. */
  onEnd(): void;
}

const STATUS_WORD = {
  subscribed: "connected",
  subscribing: "connecting",
  unsubscribed: "disconnected",
} as const;

/** Pause before the document is asked for again when the server could not read it. */
const ASK_AGAIN_MS = 2_000;

/** Keeps one Y.Doc and one topic the same, over any number of connections. */
export class DocSync {
  readonly topic: Topic;
  readonly doc: Doc;
  readonly awareness: Awareness | null;
  canWrite = false;
  readonly #options: DocSyncOptions;
  readonly #sender: EditSender;
  readonly #relay: AwarenessRelay | undefined;
  readonly #tabs: TabChannel;
  readonly #parts = new PartJoiner();
  readonly #waiters = new Waiters();
  readonly #watch: TransactionWatch;
  /** Between the reply to a subscribe and the end of that subscription. */
  #isLive = false;
  /** The document has everything up to the topic's position (rule DC3). */
  #isComplete = false;
  /** Entries up to this offset are older than the reply to the subscribe: they are being recovered. */
  #head = 0;
  /** The log that the document's content is of. */
  #epoch: string | undefined;
  #isFlushing = false;
  #askTimer: ClientTimer | undefined;
  #failure: PlexlineError | undefined;
  /** Yjs tells of no edits any more: how many are unsaved is not known. */
  #stuck: PlexlineError | undefined;
  #isEnded = false;
  #told: { synced: boolean; unsaved: number; saveState: SaveState };

  constructor(options: DocSyncOptions) {
    const { topic, doc, awareness, clock } = options;
    this.#options = options;
    this.topic = topic;
    this.doc = doc;
    this.awareness = awareness;
    this.#sender = new EditSender({
      doc,
      clock,
      send: (kind, payload) => this.#send(kind, payload),
      resubscribe: () => this.connect(),
      onError: (error) => options.emit("error", error),
    });
    this.#tabs = new TabChannel({
      doc,
      onUpdate: (update) => applyUpdate(doc, update, this.#tabs),
      onAwareness: (update) => this.#relay?.receive(update, this.#tabs),
      awareness: () => this.#relay?.ownUpdate(),
    });
    if (awareness !== null) {
      this.#relay = new AwarenessRelay(awareness, this.#tabs, {
        send: (update) => this.#send(DOC_KIND.awareness, update),
        sendToTabs: (update) => this.#tabs.post(DOC_KIND.awareness, update),
        schedule: () => this.#schedule(),
      });
    }
    this.#watch = new TransactionWatch(doc, () => this.#onStuck());
    this.#told = this.#state();
    doc.on("update", this.#onUpdate);
    doc.on("destroy", this.destroy);
    topic.on("status", (status) => this.#onStatus(status));
    topic.on("subscribed", (result) => this.#onSubscribed(result));
    topic.on("binary", (message) => this.#onBinary(message.kind, message.payload));
    topic.on("committed", ({ acked }) => {
      this.#sender.committed(acked);
      this.#tell();
    });
    topic.on("gap", ({ position }) => this.#onGap(position.epoch));
    topic.on("error", (error) => {
      this.#sender.refused(error);
      if (error.retry !== "never" && !this.#isComplete) this.#askLater();
      options.emit("error", error);
      this.#tell();
    });
  }

  get status(): TopicStatus {
    return this.topic.status;
  }

  get synced(): boolean {
    return this.#state().synced;
  }

  get unsaved(): number {
    return this.#sender.unsaved;
  }

  get saveState(): SaveState {
    return this.#state().saveState;
  }

  get saveError(): PlexlineError | undefined {
    return this.#stuck ?? (this.unsaved > 0 ? (this.#failure ?? this.#sender.error) : undefined);
  }

  /** Subscribes; on a subscription that is there, anew. */
  connect(): void {
    if (this.#isEnded) return;
    this.#isLive = false;
    this.#failure = undefined;
    this.topic.subscribe({ parts: true } satisfies DocInput);
  }

  disconnect(): void {
    this.#flush();
    this.topic.unsubscribe();
  }

  whenSynced(): Promise<void> {
    return this.#waiters.until(() => ({ done: this.synced, error: this.#failure }));
  }

  whenSaved(): Promise<void> {
    return this.#waiters.until(() => ({ done: this.saveState === "saved", error: this.saveError }));
  }

  /** Lets the topic go; what is on its way still arrives, and nobody will tell. */
  readonly destroy = (): void => {
    this.end(new PlexlineError("CLIENT_CLOSED", { message: "The document's handle was destroyed." }));
  };

  end(error: PlexlineError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#flush();
    this.#relay?.destroy(this.topic);
    if (this.#options.ownsAwareness) this.awareness?.destroy();
    this.#watch.close();
    this.doc.off("update", this.#onUpdate);
    this.doc.off("destroy", this.destroy);
    this.topic.unsubscribe();
    this.#failure = error;
    this.#options.onEnd();
    this.#tell();
  }

  #onStatus(status: TopicStatus): void {
    if (status.state !== "subscribed") this.#lose();
    if (status.state === "unsubscribed") {
      this.#tabs.close();
      this.#failure = status.error;
    }
    const told: DocStatus = { ...status, status: STATUS_WORD[status.state] };
    this.#options.emit("status", told);
    this.#tell();
  }

  #onSubscribed({ topic, position, head, recovered, operations }: TopicEvents["subscribed"]): void {
    try {
      this.#options.claim(topic);
    } catch (reason) {
      this.#fail(PlexlineError.from(reason));
      return;
    }
    const epoch = position?.epoch ?? "";
    if (this.#isOfAnother(epoch)) return;
    this.#epoch = epoch;
    this.#head = head;
    this.#isLive = true;
    this.#isComplete &&= recovered;
    this.#parts.clear();
    this.canWrite = operations.includes("publish");
    this.#sender.open(this.canWrite);
    if (!this.#isComplete) this.#ask();
    this.#relay?.open(operations.includes("presence"));
    const name = this.#options.tabsName(topic, epoch);
    if (name !== undefined) this.#tabs.open(name);
    this.#tell();
  }

  #onGap(epoch: string): void {
    if (this.#isOfAnother(epoch)) return;
    this.#isComplete = false;
    if (this.#isLive) this.#ask();
    this.#tell();
  }

  #ask(): void {
    this.#send(DOC_KIND.syncRequest, encodeStateVector(this.doc));
  }

  /** Which request was refused is not told: perhaps the one for the document. */
  #askLater(): void {
    this.#askTimer ??= this.#options.clock.setTimer(() => {
      this.#askTimer = undefined;
      if (this.#isLive && !this.#isComplete) this.#ask();
    }, ASK_AGAIN_MS);
  }

  /** The content of two logs must not be merged (rule DC17): hands out what there is as a copy, and ends. */
  #isOfAnother(epoch: string): boolean {
    if (this.#epoch === undefined || this.#epoch === epoch) return false;
    const update = encodeStateAsUpdate(this.doc);
    this.#fail(
      new PlexlineError("RESYNC", {
        message: "The document on the server was replaced; this copy no longer belongs to it.",
        fix: 'Open it again with a new Y.Doc, and take what is missing from the update of "reset".',
      }),
    );
    this.#options.emit("reset", { reason: "reset", update });
    return true;
  }

  #onBinary(kind: number, payload: Uint8Array): void {
    try {
      if (kind === DOC_KIND.part) {
        const whole = this.#parts.add(payload);
        if (whole !== undefined) this.#onBinary(whole.kind, whole.payload);
      } else if (kind === DOC_KIND.syncRequest) this.#sender.answer(payload);
      else if (kind === DOC_KIND.awareness) this.#relay?.receive(payload, this.topic);
      // Whatever else there is, events of other clients among it, is no content.
      else if (kind === DOC_KIND.update || kind === DOC_KIND.syncResponse) this.#onContent(kind, payload);
    } catch (reason) {
      const error = PlexlineError.from(reason);
      if (error.code === "MESSAGE_TOO_LARGE") this.#fail(error);
      else this.#options.emit("error", error);
    }
    this.#tell();
  }

  #onContent(kind: number, update: Uint8Array): void {
    this.#sender.grown();
    const wasBusy = this.#watch.isBusy;
    try {
      applyUpdate(this.doc, update, this.topic);
    } finally {
      // What an observer of the application throws comes out here, after the update has been applied.
      const isApplied = wasBusy || !this.#watch.isBusy;
      if (kind === DOC_KIND.syncResponse && this.#isLive && isApplied) {
        this.#isComplete = true;
        this.#head = 0;
      }
    }
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown, _doc: Doc, { local }: Transaction): void => {
    if (origin === this.topic || origin === this.#tabs) return;
    if (this.#sender.edited(update, local)) this.#schedule();
    if (this.canWrite) this.#tabs.post(DOC_KIND.update, update);
    this.#tell();
  };

  /** The edits of one turn go out together, and the cursor after the text it points to. */
  #schedule(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush(): void {
    this.#isFlushing = false;
    this.#sender.flush();
    this.#relay?.flush();
  }

  #send(kind: number, payload: Uint8Array): boolean {
    // Not sent because of a subscribe under way: its reply begins everything again.
    this.#isLive &&= this.topic.sendBinary(kind, payload);
    return this.#isLive;
  }

  #lose(): void {
    this.#isLive = false;
    this.#askTimer?.cancel();
    this.#askTimer = undefined;
    this.#parts.clear();
    this.#sender.close();
    this.#relay?.close(this.topic);
  }

  #onStuck(): void {
    if (this.#isEnded) return;
    this.#stuck = new PlexlineError("INTERNAL", {
      message: "Yjs could not finish a transaction of the document, so it tells of no edits any more.",
      fix: "Open it again with a new Y.Doc; encodeStateAsUpdate() of this one has the edits that were not saved.",
    });
    this.#fail(this.#stuck);
  }

  #fail(error: PlexlineError): void {
    this.end(error);
    this.#options.emit("error", error);
  }

  #state(): { synced: boolean; unsaved: number; saveState: SaveState } {
    const { unsaved } = this.#sender;
    const isSubscribed = this.topic.status.state === "subscribed";
    return {
      synced: this.#isLive && this.#isComplete && (this.topic.position?.offset ?? this.#head) >= this.#head,
      unsaved,
      saveState: unsaved === 0 && this.#stuck === undefined ? "saved" : isSubscribed ? "saving" : "offline",
    };
  }

  /** Tells what has changed since it was last told, and those who wait for it. */
  #tell(): void {
    const { emit } = this.#options;
    const before = this.#told;
    const now = this.#state();
    this.#told = now;
    if (now.unsaved !== before.unsaved) emit("unsaved", now.unsaved);
    if (now.saveState !== before.saveState) emit("saveState", now.saveState);
    if (now.synced !== before.synced) {
      emit("synced", now.synced);
      emit("sync", now.synced);
    }
    this.#waiters.check();
  }
}
