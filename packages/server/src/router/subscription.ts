import type { BinaryMessage, Position, ServerMessage } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { Access } from "../auth/authorizer.ts";
import type { Batch } from "../broker/batch.ts";
import { type Encoded, type Encoder, type OutboxPolicy, Publication } from "../broker/publication.ts";
import type { Subscriber } from "../broker/tail.ts";
import type { Binary, Member } from "../feature/feature.ts";
import { TranslationFailed } from "../feature/shared-translation.ts";
import type { Caller, Lane } from "./caller.ts";
import { HeldPublications } from "./held-publications.ts";
import type { LiveTopic } from "./live-topic.ts";
import type { Own } from "./own.ts";
import type { OwnEntries } from "./own-entries.ts";
import { Progress } from "./progress.ts";
import { bytesOf, type ReadEntry, type ReadPage } from "./recent-entries.ts";
import { recoveryStep } from "./recovery.ts";
import { Release } from "./release.ts";

/** Entries in one page of recovered publications; its bytes are for the connection to say. */
const PAGE_ENTRIES_MAX = 1_000;
/** Pause before the log is read again after a failure. */
const READ_RETRY_MS = 1_000;

const MUST_ARRIVE: OutboxPolicy = { policy: "close" };

/**
 * The record that a session receives a topic, and from where. Logged publications reach it in one of two ways and never
 * both: **recovering**, it pulls pages from the log as the connection drains, and live ones wait in the log;
 * **live**, it gets each publication as it is announced, and checks that none is missing. The topic's tail gathers
 * publications; whatever changes the subscription settles it first, so each meets the state it was published in.
 */
export class Subscription implements Subscriber {
  readonly topic: LiveTopic;
  readonly caller: Caller;
  readonly encoder: Encoder;
  member: Member;
  access: Access;
  /** When `access` was decided, on the monotonic clock. */
  accessAtMs: number;
  taken = 0;
  /** Largest message that its connection may send because of it; 0 where the server's limit is enough. */
  messageBytesMax = 0;
  #state: "subscribing" | "recovering" | "live" | "suspended" | "ended" = "subscribing";
  #position: Position | null = null;
  /** The way of batches to the connection it is attached to. */
  #lane: Lane | null = null;
  readonly #held = new HeldPublications();
  #pulling = false;
  /** How it was before the subscribe that is being answered. */
  #wasSuspended = false;
  /** Changes with each subscribe and each connection: what was begun for an earlier one ends. Null while there is none. */
  #serving: object | null = {};
  /** Comes with the reply to the subscribe. */
  readonly #release = new Release();
  readonly #progress = new Progress();
  readonly #own: Own | null;

  constructor(
    topic: LiveTopic,
    caller: Caller,
    access: Access,
    encoder: Encoder,
    nowMs: number,
    own: Own | null = null,
  ) {
    this.#own = own;
    this.topic = topic;
    this.caller = caller;
    this.encoder = encoder;
    this.access = access;
    this.accessAtMs = nowMs;
    this.member = { principal: caller.principal, role: access.role, sessionId: caller.sessionId };
  }

  get ended(): boolean {
    return this.#state === "ended";
  }

  /** The last position handed to the connection; null for a topic without a log. */
  get position(): Position | null {
    return this.#position;
  }

  /** What stays the same until the next subscribe or the end of the connection; null while nobody is served. */
  get serving(): object | null {
    return this.#serving;
  }

  /** Takes what the topic has gathered for it. */
  settle(): void {
    this.topic.tail.settle(this);
  }

  /** What the topic has gathered for it is not for it any more. */
  skip(): void {
    this.topic.tail.skip(this);
  }

  /** A subscribe is being answered: ephemeral messages wait for the reply, logged ones wait in the log. */
  hold(): void {
    this.settle();
    this.#wasSuspended = this.#state === "suspended";
    if (this.#state !== "ended") this.#become("subscribing");
  }

  /** The subscribe was refused: what was before it goes on. A client that has not been answered here yet gets nothing. */
  refuse(): void {
    if (this.#wasSuspended) this.suspend();
    else this.#goOn(this.#position);
  }

  /** The reply has been handed to the connection: publications after `position` follow, and counts begin anew. */
  confirm(position: Position | null): void {
    this.#progress.begin(position?.offset ?? 0);
    this.#goOn(position);
  }

  #goOn(position: Position | null): void {
    if (this.#state === "ended") return;
    this.settle();
    this.#position = position;
    if (!this.caller.attached) {
      this.suspend();
      return;
    }
    this.#lane = this.caller.lane;
    this.#progress.handFrom(this.topic.broadcasts.count + 1);
    this.#state = position === null ? "live" : "recovering";
    this.#release.come();
    for (const publication of this.#held.take()) this.#send(publication);
    if (position !== null) this.pull();
  }

  /** Takes a batch from the tail, if all of it is what comes next and can leave at once. */
  deliverBatch(batch: Batch): boolean {
    const lane = this.#lane;
    if (lane === null || !this.#progress.hasFrom(batch.firstBroadcast)) return false;
    if (batch.firstOffset === null) {
      return (this.#state === "live" || this.#state === "recovering") && lane.sendBatch(batch);
    }
    if (this.#state !== "live" || batch.firstOffset - 1 !== this.#position?.offset) return false;
    if (!lane.sendBatch(batch)) return false;
    this.#position = batch.positionAfter(this.#position);
    this.#own?.handed?.(this.#position.offset);
    return true;
  }

  /** Takes a publication for it alone. */
  push(publication: Publication): void {
    this.settle();
    this.deliver(publication);
  }

  /** Takes a publication from the tail. */
  deliver(publication: Publication): void {
    if (publication.offset === null) {
      if (publication.broadcast > 0) this.#deliverBroadcast(publication);
      else if (this.#state === "subscribing") this.#held.add(publication);
      else if (this.#state === "live" || this.#state === "recovering") this.#send(publication);
      return;
    }
    if (this.#state !== "live" || this.#position === null || publication.offset <= this.#position.offset)
      return;
    if (publication.offset !== this.#position.offset + 1) {
      this.#fallBehind();
      return;
    }
    this.#position = { epoch: this.#position.epoch, offset: publication.offset };
    this.#send(publication);
    this.#own?.handed?.(publication.offset);
  }

  /**
   * Not while it subscribes: then the log has it. Nor where it would wait behind pages, or is too long to wait at all:
   * then it waits in the log as well, which costs nobody memory. And the log has what was broadcast before it was served, and
   * is handed on only now because it is durable.
   */
  #deliverBroadcast(publication: Publication): void {
    if (!this.#isServed || !this.#progress.hasFrom(publication.broadcast)) return;
    const encoded = this.#encode(publication);
    if (!encoded) return;
    const mayWait = this.#state === "live" && encoded.bytes <= this.caller.pageBytesMax;
    if (mayWait || this.caller.hasRoom) this.caller.send(encoded, publication.outbox, this.topic.topic);
    else this.#progress.handFrom(publication.broadcast + 1);
  }

  /** Broadcasts have become these entries: it stands after them if it was handed them all. */
  advance({ epoch, first, last, number }: OwnEntries): void {
    const position = this.#position;
    if (this.#state !== "live" || position === null || position.offset >= last) return;
    const next = position.offset + 1;
    if (position.epoch === epoch && next >= first && this.#progress.hasFrom(number + next - first))
      this.#position = { epoch, offset: last };
    else this.#fallBehind();
  }

  /** Messages that its client counted are settled up to this number. */
  acknowledge(acked: number): void {
    this.#progress.acknowledge(acked);
  }

  /** Tells the client where it stands and what of its own is settled, if that is news. Settle it first. */
  tellCommitted(): void {
    const position = this.#position;
    if (!this.#isServed || position === null || !this.#progress.takeNews(position.offset)) return;
    const isShared = this.encoder.isShared === true;
    this.#send(this.topic.committed.publicationFor(position.offset, this.#progress.acked, isShared));
  }

  /** Whether `sendFed` may be called now: it is what `serving` stands for, has room, and nothing else waits for it. */
  hasRoomFor(serving: object): boolean {
    if (this.#serving !== serving || this.#state === "subscribing" || this.caller.isRecovering) return false;
    // What has been gathered for it goes first, and takes room too.
    this.settle();
    return this.caller.hasRoom;
  }

  /** Sends a message of any size for which there is room. */
  sendFed({ kind, payload }: Binary): void {
    this.sendMessage({ alias: this.topic.alias, kind, payload, isFed: true });
  }

  /** Waits until its connection has room; false once it is not what `serving` stands for. */
  async whenRoom(serving: object): Promise<boolean> {
    return this.#inTurn(serving, () => {});
  }

  /** Sends a message of any size when nothing waits before it; false, and it was not sent, as for `whenRoom`. */
  async sendWhenRoom(serving: object, message: Binary): Promise<boolean> {
    return this.#inTurn(serving, () => this.sendFed(message));
  }

  /** What comes next is not what this connection has last: go on from the log. */
  fallBehind(): void {
    this.settle();
    this.#fallBehind();
  }

  #fallBehind(): void {
    if (this.#state !== "live" || this.#position === null) return;
    this.#state = "recovering";
    this.pull();
  }

  /** Reads and hands on pages until the live tail is reached. Does nothing while it runs already. */
  pull(): void {
    if (this.#pulling || this.#state !== "recovering") return;
    this.#pulling = true;
    void this.#pullPages().then(
      () => {
        this.#pulling = false;
        // Something may have moved the reader after the last look at the state.
        this.pull();
      },
      (error: unknown) => {
        this.#pulling = false;
        this.#readFailed(error);
      },
    );
  }

  /** The connection is gone; its client says where to go on when it is back. */
  suspend(): void {
    if (this.#state === "ended") return;
    this.skip();
    this.#become("suspended");
    this.#lane = null;
    this.#held.take();
  }

  end(): void {
    this.settle();
    this.#become("ended");
    this.#lane = null;
    this.#held.take();
  }

  /** Hands one message to this subscriber alone. */
  sendMessage(message: ServerMessage | BinaryMessage): void {
    this.settle();
    this.#send(new Publication(message, null, MUST_ARRIVE), this.#own?.encoder);
  }

  async #pullPages(): Promise<void> {
    while (this.#state === "recovering") await this.caller.recoverInTurn(() => this.#pullPage());
  }

  async #pullPage(): Promise<void> {
    const isWanted = () => this.#state === "recovering";
    if (!(await this.#withRoom(isWanted, () => {}))) return;
    const reader = this.#position as Position;
    const bytesMax = this.caller.pageBytesMax;
    const page = await this.topic.read(reader.offset, { entriesMax: PAGE_ENTRIES_MAX, bytesMax });
    // One entry may be longer than the outbox: then it is the page, and leaves when nothing waits before it.
    if (bytesOf(page) > bytesMax) await this.#withRoom(isWanted, () => this.#takePage(reader, page));
    else this.#takePage(reader, page);
  }

  #takePage(reader: Position, page: ReadPage): void {
    // A new subscribe may have moved the reader while the page was read.
    if (this.#state !== "recovering" || this.#position !== reader) return;
    this.settle();
    const step = recoveryStep(reader, page, this.topic.window?.head ?? 0);
    if (step.kind === "gap") {
      this.#tellGap(step.reason, step.position);
      return;
    }
    const hasBinary = this.#sendEntries(step.entries);
    const last = step.entries.at(-1);
    if (last) this.#position = { epoch: page.epoch, offset: last.offset };
    if (step.live) this.#state = "live";
    if (hasBinary) this.tellCommitted();
    if (last) this.#own?.handed?.(last.offset);
  }

  /** Whether any of them was binary. */
  #sendEntries(entries: readonly ReadEntry[]): boolean {
    let hasBinary = false;
    for (const { push, publication } of entries) {
      hasBinary ||= push === undefined;
      const { message, offset, outbox } = publication;
      const isOwn = this.encoder.isTimeless !== true;
      this.#send(isOwn ? new Publication(message, offset, outbox) : publication);
    }
    return hasBinary;
  }

  #tellGap(reason: "trimmed" | "reset", position: Position): void {
    this.#position = position;
    this.#progress.told(position.offset);
    this.topic.countGap(reason);
    this.sendMessage({ type: "gap", topic: this.topic.topic, position, reason });
    // Whoever is told in words of its own may have to be told more before anything follows.
    if (this.#own) this.suspend();
  }

  /** The log cannot be read now: say so, and try again until the subscription ends. */
  #readFailed(error: unknown): void {
    const { topic } = this.topic;
    this.topic.log.warn({ action: "topic.read", topic, error });
    this.sendMessage({ type: "error", topic, error: new PlexlineError("STORAGE_UNAVAILABLE").toBody() });
    this.topic.clock.setTimer(() => this.pull(), READ_RETRY_MS);
  }

  /** Whether messages may be handed to its connection now. */
  get #isServed(): boolean {
    return this.#state === "live" || this.#state === "recovering";
  }

  #become(state: "subscribing" | "suspended" | "ended"): void {
    this.#state = state;
    this.#serving = state === "subscribing" ? {} : null;
    this.#release.come();
  }

  /** Acts when the subscribe has been answered and the connection has room, after others that wait for it. */
  async #inTurn(serving: object, act: () => void): Promise<boolean> {
    while (this.#serving === serving && this.#state === "subscribing") await this.#release.next();
    let hasActed = false;
    await this.caller.recoverInTurn(async () => {
      hasActed = await this.#withRoom(() => this.#serving === serving, act);
    });
    return hasActed;
  }

  /** Acts as soon as the connection has room, in the same step; false, and it did not, once nobody wants it. */
  async #withRoom(isWanted: () => boolean, act: () => void): Promise<boolean> {
    while (isWanted()) {
      // What has been gathered for it goes first, and takes room too.
      this.settle();
      if (this.caller.hasRoom) {
        act();
        return true;
      }
      await new Promise<void>((resolve) => this.caller.whenRoom(resolve));
    }
    return false;
  }

  /** A message that a foreign wire cannot be told ends its connection: it would miss it and not know. */
  #encode(publication: Publication, encoder = this.encoder): Encoded | null {
    try {
      return publication.encodedBy(encoder);
    } catch (error) {
      if (!(error instanceof TranslationFailed)) throw error;
      this.topic.log.error({ action: "handler.failed", topic: this.topic.topic, error: error.cause });
      // Nothing of the topic may follow what is missed.
      this.skip();
      this.caller.fail(new PlexlineError("HANDLER_FAILED", { cause: error.cause }));
      return null;
    }
  }

  #send(publication: Publication, encoder?: Encoder): void {
    if (!this.caller.attached) return;
    const encoded = this.#encode(publication, encoder);
    if (encoded) this.caller.send(encoded, publication.outbox, this.topic.topic);
  }
}
