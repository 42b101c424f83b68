import type { LogWindow, Position } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type {
  BinaryEntry,
  BinaryPage,
  EventPage,
  HistoryOptions,
  LoggedEvent,
  LoggedPush,
} from "../feature/feature.ts";
import type { Clock } from "../platform/clock.ts";
import type { Append, Commit, NewEntry, Page, Storage } from "../storage/storage.ts";
import type { Logger } from "../telemetry/log.ts";
import { type DecodedEntry, decodeEntry, encodeEntry, entryOf } from "./entry.ts";
import type { QueuedEntry } from "./log-writer.ts";
import { type OwnEntries, UnannouncedOwn } from "./own-entries.ts";
import type { RecentKeys } from "./recent-keys.ts";
import { Retention } from "./retention.ts";

export interface TopicLogParts {
  readonly topic: string;
  /** Name of the log in the storage. */
  readonly key: string;
  readonly storage: Storage;
  readonly history: HistoryOptions;
  /** Where publications with an idempotency key stand; filled from the log. */
  readonly keys: RecentKeys<Position | null>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Hands the next event of the log to the live subscribers: each once, in order, none left out. */
  readonly announce: (push: LoggedPush) => void;
  /** The same for a binary entry that another node has appended. */
  readonly announceBinary: (entry: BinaryEntry) => void;
  /** What was broadcast here is durable now: whoever was handed it stands after it. */
  readonly announceOwn: (entries: OwnEntries) => void;
  /** The log is not the continuation of what was announced: subscribers go on from their own positions. */
  readonly onRestart: () => void | Promise<void>;
}

/** How much is read at once when the topic catches up with its own log. */
const CATCH_UP_LIMITS = { entriesMax: 500, bytesMax: 1024 * 1024 };

/**
 * The log of one topic in use: commits events, announces what is durable in the order of the log, keeps to its
 * retention. What this node has not appended itself is read from the storage before anything after it is announced.
 */
export class TopicLog {
  readonly #parts: TopicLogParts;
  /** Null for a log that keeps all. */
  readonly #retention: Retention | null;
  /** Epoch and offset of what has been announced. */
  #announced: Position = { epoch: "", offset: 0 };
  /** The newest offset that retention has dropped. */
  #floor = 0;
  /** Whether the room is there to be told of entries: until then they wait in the log. */
  #isStarted = false;
  #catchingUp: Promise<void> | null = null;
  /** Something was committed while catching up: look at the log once more. */
  #catchUpAgain = false;
  /** Settles when it is known which entries the batch that is under way has become. */
  #committing: Promise<void> = Promise.resolve();
  /** Events on their way into the log. */
  #appending = 0;
  /** Wait until the room has been told of another log. */
  #whenRestarted: (() => void)[] = [];
  readonly #own = new UnannouncedOwn();

  constructor(parts: TopicLogParts) {
    this.#parts = parts;
    this.#retention = parts.history.keepsAll ? null : new Retention(parts.history);
  }

  /** What of the log may be had, up to what has been announced. */
  get window(): LogWindow {
    const { epoch, offset } = this.#announced;
    return { epoch, head: offset, floor: this.#floor };
  }

  /** Walks the retained log once, for retention and for the keys of recent publications; not a log that keeps all. */
  async load(): Promise<void> {
    const window = await this.readWindow();
    this.#floor = window.floor;
    this.#announced = { epoch: window.epoch, offset: this.#retention ? window.floor : window.head };
    if (!this.#retention) return;
    await this.#readAhead(() => {});
    this.#trim();
  }

  /** The room is there. What other nodes appended while it was made is announced now. */
  start(): void {
    this.#isStarted = true;
    if (this.#catchUpAgain) void this.catchUp();
  }

  /** Whether no event is on its way into the log. */
  get isIdle(): boolean {
    return this.#appending === 0;
  }

  /**
   * Commits events with what must become durable together with them, all or nothing; resolves with the position of the last
   * once they have been announced. Without events it commits the rest, and resolves with the head.
   */
  async append(
    events: readonly LoggedEvent[],
    also: Omit<Commit, "appends">,
    epoch?: string,
  ): Promise<Position> {
    const { storage, key, clock } = this.#parts;
    const atMs = clock.nowMs();
    const entries = events.map((event) => ({ data: encodeEntry(event, atMs), atMs }));
    const append: Append = { topic: key, entries, ...(epoch === undefined ? {} : { epoch }) };
    this.#appending += 1;
    const [position] = (await storage.commit({ ...also, appends: [append] }).finally(() => {
      this.#appending -= 1;
    })) as readonly [Position];
    if (events.length > 0) await this.#announceAppended(position, events, entries);
    return position;
  }

  async #announceAppended(
    last: Position,
    events: readonly LoggedEvent[],
    entries: readonly NewEntry[],
  ): Promise<void> {
    const before = last.offset - events.length;
    // Out of turn only when another node appended too: then the push waits for its predecessors, and the caller for it.
    const isAnnounced = entries.every(({ data, atMs }, index) => {
      const position = { epoch: last.epoch, offset: before + 1 + index };
      const entry = entryOf(this.#parts.topic, position.offset, events[index] as LoggedEvent, atMs);
      return this.#announceNext(position, entry, data.byteLength);
    });
    if (!isAnnounced) await this.catchUp();
    this.#trim();
  }

  /** Commits what has been broadcast, all or none; resolves once it has been announced. One batch at a time. */
  async commitBatch(batch: readonly QueuedEntry[]): Promise<Position> {
    const { storage, key, clock } = this.#parts;
    const { epoch, number } = batch[0] as QueuedEntry;
    const entries = batch.map(({ data, atMs }) => ({ data, atMs }));
    const commit = storage.commit({ appends: [{ topic: key, epoch, entries }] }).then((positions) => {
      const last = positions[0] as Position;
      const own = { epoch, first: last.offset - batch.length + 1, last: last.offset, number };
      this.#own.add(own);
      return own;
    });
    // Whoever made what is lost hears of it before the log is looked at again, which may show that it is another one.
    this.#committing = commit.then(nothing, () => new Promise((resolve) => clock.defer(resolve)));
    try {
      const own = await commit;
      if (!this.#announceOwn(own, batch)) await this.catchUp();
      this.#trim();
      return { epoch, offset: own.last };
    } catch (error) {
      // It may have been refused because the log has another epoch by now: see what became of it.
      if (!(error instanceof PlexlineError)) void this.catchUp();
      throw error;
    }
  }

  /**
   * Drops all entries and the snapshot, and begins anew in another epoch. `isCalled` settles when the room has been called
   * because of it, `isOver` when it is done with it. Rejects with a ConflictError if `present` is given and not the epoch any more.
   */
  async reset(
    present?: string,
  ): Promise<{ position: Position; isCalled: Promise<void>; isOver: Promise<void> }> {
    const { storage, key } = this.#parts;
    const { epoch, head } = await storage.reset(key, present);
    const isRestarted = new Promise<void>((resolve) => this.#whenRestarted.push(resolve));
    const isOver = this.catchUp();
    // The log may be unreadable now, or not started: then the room hears of it when that has passed.
    return { position: { epoch, offset: head }, isCalled: Promise.race([isRestarted, isOver]), isOver };
  }

  /** Entries after `from`. */
  read(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<Page> {
    return this.#parts.storage.read(this.#parts.key, from, limits);
  }

  /** What of the log is in the storage by now. */
  async readWindow(): Promise<LogWindow> {
    const { storage, key } = this.#parts;
    const [window] = await storage.heads([key]);
    if (!window) throw new PlexlineError("STORAGE_UNAVAILABLE");
    return window;
  }

  /** Binary entries after `from` that have been announced; events between them are left out. */
  async readBinary(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<BinaryPage> {
    const { found, window } = await this.#readAnnounced(from, limits, ({ binary }) => binary);
    return { ...window, entries: found };
  }

  /** Events after `from` that have been announced; binary entries between them are left out. */
  async readEvents(from: number, limits: { entriesMax: number; bytesMax: number }): Promise<EventPage> {
    const { found, window } = await this.#readAnnounced(from, limits, ({ push }) => push);
    return { ...window, events: found };
  }

  /** What of one kind has been announced after `from`: pages without any are passed over. */
  async #readAnnounced<T>(
    from: number,
    limits: { entriesMax: number; bytesMax: number },
    pick: (entry: DecodedEntry) => T | undefined,
  ): Promise<{ found: readonly T[]; window: LogWindow }> {
    for (let after = from; ; ) {
      const page = await this.read(after, limits);
      const { epoch, head } = page;
      if (this.isBehind({ epoch, offset: 0 })) {
        // Told as it is: the room is about to hear of the other log.
        void this.catchUp();
        return { found: [], window: { epoch, head, floor: page.floor } };
      }
      const announced = this.#announced.offset;
      const known = page.entries.filter(({ offset }) => offset <= announced);
      const found = known.flatMap((entry) => pick(decodeEntry(this.#parts.topic, entry)) ?? []);
      const last = known.at(-1);
      if (found.length > 0 || !last)
        return { found, window: { epoch, head: announced, floor: Math.max(this.#floor, page.floor) } };
      after = last.offset;
    }
  }

  /** Whether a position, told by another node or a client, lies beyond what this node has announced. */
  isBehind({ epoch, offset }: Position): boolean {
    return epoch !== this.#announced.epoch || offset > this.#announced.offset;
  }

  /** Announces from the log what this node has not announced: another node's events, or one out of turn. */
  catchUp(): Promise<void> {
    this.#catchUpAgain = true;
    if (!this.#isStarted) return Promise.resolve();
    this.#catchingUp ??= this.#runCatchUp().finally(() => {
      this.#catchingUp = null;
    });
    return this.#catchingUp;
  }

  async #runCatchUp(): Promise<void> {
    const { topic, log } = this.#parts;
    while (this.#catchUpAgain) {
      this.#catchUpAgain = false;
      try {
        await this.#readAhead((entry) => this.#announce(entry));
      } catch (error) {
        log.error({ action: "topic.catch-up", topic, error });
        return;
      }
    }
  }

  /** Reads from the announced head to the end of the log. */
  async #readAhead(each: (entry: DecodedEntry) => void): Promise<void> {
    for (;;) {
      const page = await this.read(this.#announced.offset, CATCH_UP_LIMITS);
      // The page may hold what this node is committing; which entries those are is known when that has settled.
      await this.#committing;
      if (page.epoch !== this.#announced.epoch || page.floor > this.#announced.offset) {
        await this.#restart(page);
        continue;
      }
      for (const entry of page.entries) {
        if (entry.offset !== this.#announced.offset + 1) continue;
        const decoded = decodeEntry(this.#parts.topic, entry);
        this.#take({ epoch: page.epoch, offset: entry.offset }, decoded, entry.data.byteLength, entry.atMs);
        each(decoded);
      }
      if (this.#announced.offset >= page.head || page.entries.length === 0) return;
    }
  }

  /** Announces an entry that was read, and is the next. */
  #announce({ push, binary }: DecodedEntry): void {
    if (push) {
      this.#parts.announce(push);
      return;
    }
    const own = this.#own.at(this.#announced);
    if (own) this.#parts.announceOwn(own);
    else this.#parts.announceBinary(binary);
    this.#own.forgetUpTo(this.#announced);
  }

  /** Announces a committed event; false when something before it has not been announced yet. */
  #announceNext(position: Position, entry: DecodedEntry & { push: LoggedPush }, bytes: number): boolean {
    // Whoever makes the room counts on the window that it has seen.
    if (!this.#isStarted || position.epoch !== this.#announced.epoch) return false;
    if (position.offset <= this.#announced.offset) return true;
    if (position.offset > this.#announced.offset + 1) return false;
    this.#take(position, entry, bytes, entry.push.atMs ?? 0);
    this.#parts.announce(entry.push);
    return true;
  }

  /** The same for a batch of what has been broadcast. */
  #announceOwn(own: OwnEntries, batch: readonly QueuedEntry[]): boolean {
    const { epoch, offset } = this.#announced;
    if (own.epoch !== epoch || own.first > offset + 1) return false;
    if (own.last > offset) {
      // Catching up may have announced its beginning.
      const first = offset + 1;
      for (const [index, { data, atMs }] of batch.entries())
        if (own.first + index >= first) this.#retention?.add(own.first + index, data.byteLength, atMs);
      this.#announced = { epoch, offset: own.last };
      this.#parts.announceOwn({ ...own, first, number: own.number + first - own.first });
    }
    this.#own.forgetUpTo(this.#announced);
    return true;
  }

  #take(position: Position, { push, principalKind }: DecodedEntry, bytes: number, atMs: number): void {
    this.#announced = position;
    this.#retention?.add(position.offset, bytes, atMs);
    if (push?.key !== undefined && push.user !== undefined)
      this.#parts.keys.remember({ kind: principalKind, id: push.user }, push.key, position, atMs);
  }

  /** The log is another incarnation, or has lost what was next. */
  async #restart(page: Page): Promise<void> {
    const isAnother = page.epoch !== this.#announced.epoch;
    if (isAnother) {
      this.#parts.keys.forget();
      this.#retention?.clear();
    }
    this.#announced = { epoch: page.epoch, offset: isAnother ? page.head : page.floor };
    this.#floor = page.floor;
    this.#own.forgetUpTo(this.#announced);
    const restarting = this.#parts.onRestart();
    for (const resolve of this.#whenRestarted.splice(0)) resolve();
    await restarting;
  }

  #trim(): void {
    const { storage, key, topic, clock, log } = this.#parts;
    const offset = this.#retention?.take(clock.nowMs()) ?? null;
    if (offset === null) return;
    this.#floor = offset;
    storage.trim(key, offset).catch((error: unknown) => log.warn({ action: "topic.trim", topic, error }));
  }
}

function nothing(): void {}
