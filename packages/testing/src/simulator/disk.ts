import { PlexlineError } from "@plexline/protocol";
import { type Clock, createMemoryStorage, type Entry, type Random, type Storage } from "@plexline/server";

type MemoryDisk = NonNullable<Parameters<typeof createMemoryStorage>[0]["disk"]>;
type MemoryLog = MemoryDisk["logs"] extends Map<string, infer Log> ? Log : never;

/** What the disk of a simulated server does with its time. Changed while the simulation runs. */
export interface DiskBehaviour {
  /** How long the next flush takes, in milliseconds. */
  flushMs: () => number;
  /** How long every flush takes instead, while this is not null. */
  slowFlushMs: number | null;
  /** How long the next read takes; what it shows is of the moment it began. */
  readMs: () => number;
  /** Flushes that end while this is true fail, with everything in them. */
  flushesFail: boolean;
  /** Reads that begin while this is true fail. */
  readsFail: boolean;
}

/** A disk that outlives the servers on it, and remembers every entry that was ever durable. */
export interface SimulatedDisk {
  readonly behaviour: DiskBehaviour;
  /** Entries by the storage's name of the topic, trimmed ones included, in the order they became durable. */
  readonly archive: ReadonlyMap<string, readonly Entry[]>;
  readonly content: MemoryDisk;
  /** A storage on this disk for one server. */
  open(clock: Clock): SimulatedStorage;
}

export interface SimulatedStorage extends Storage {
  /** Pulls the plug: nothing settles any more. `lands`: the flush under way reaches the disk, and nobody hears of it. */
  crash(lands: boolean): void;
}

/** Creates an empty disk. */
export function createSimulatedDisk(random: Random): SimulatedDisk {
  const archive = new Map<string, Entry[]>();
  const content: MemoryDisk = {
    incarnation: random.id(9),
    logs: new ArchivingMap(archive),
    values: new Map(),
  };
  const behaviour: DiskBehaviour = {
    flushMs: () => 1,
    slowFlushMs: null,
    readMs: () => 0,
    flushesFail: false,
    readsFail: false,
  };
  return {
    behaviour,
    archive,
    content,
    open: (clock) => openStorage(content, behaviour, clock, random),
  };
}

/** Logs by topic; what is set is also archived, entry by entry. */
class ArchivingMap extends Map<string, MemoryLog> {
  readonly #archive: Map<string, Entry[]>;

  constructor(archive: Map<string, Entry[]>) {
    super();
    this.#archive = archive;
  }

  override set(topic: string, log: MemoryLog): this {
    const archived = this.#archive.get(topic) ?? [];
    const known = archived.at(-1)?.offset ?? 0;
    for (const entry of log.entries) if (entry.offset > known) archived.push(entry);
    this.#archive.set(topic, archived);
    return super.set(topic, log);
  }
}

interface Waiting {
  perform(): Promise<unknown>;
  resolve(value: unknown): void;
  reject(reason: unknown): void;
}

/** A memory storage whose writes wait for flushes that take time: while one is under way, the next batch gathers. */
function openStorage(
  content: MemoryDisk,
  behaviour: DiskBehaviour,
  clock: Clock,
  random: Random,
): SimulatedStorage {
  const inner = createMemoryStorage({ random, disk: content, scheduleFlush: (flush) => flush() });
  let waiting: Waiting[] = [];
  let batch: Waiting[] = [];
  let isDead = false;

  const flush = (): void => {
    if (batch.length > 0 || waiting.length === 0) return;
    batch = waiting;
    waiting = [];
    clock.setTimer(() => {
      if (isDead) return;
      const flushed = batch;
      batch = [];
      for (const { perform, resolve, reject } of flushed) {
        if (behaviour.flushesFail) reject(ioError());
        else perform().then(resolve, reject);
      }
      flush();
    }, behaviour.slowFlushMs ?? behaviour.flushMs());
  };
  const write = <Result>(perform: () => Promise<Result>): Promise<Result> =>
    new Promise<Result>((resolve, reject) => {
      waiting.push({ perform, resolve: resolve as Waiting["resolve"], reject });
      flush();
    });
  const read = async <Result>(perform: () => Promise<Result>): Promise<Result> => {
    const fails = behaviour.readsFail;
    const delayMs = behaviour.readMs();
    const result = await perform();
    if (delayMs > 0) await new Promise<void>((resolve) => void clock.setTimer(resolve, delayMs));
    if (fails) throw ioError();
    return result;
  };

  return {
    incarnation: inner.incarnation,
    commit: (commit) => write(() => inner.commit(commit)),
    trim: (topic, offset) => write(() => inner.trim(topic, offset)),
    reset: (topic, epoch) => write(() => inner.reset(topic, epoch)),
    writeSnapshot: (topic, position, chunks, segments) =>
      write(() => inner.writeSnapshot(topic, position, chunks, segments)),
    writeSegment: (topic, place, chunks) => write(() => inner.writeSegment(topic, place, chunks)),
    readSegment: (topic, name, from, count) => read(() => inner.readSegment(topic, name, from, count)),
    read: (topic, from, limits) => read(() => inner.read(topic, from, limits)),
    heads: (topics) => read(() => inner.heads(topics)),
    get: (key) => read(() => inner.get(key)),
    list: (prefix, options) => inner.list(prefix, options),
    readSnapshot: (topic) => read(() => inner.readSnapshot(topic)),
    close: () => write(async () => undefined).catch(() => undefined),
    crash(lands) {
      isDead = true;
      if (lands) for (const { perform } of batch) perform().catch(() => undefined);
      inner.crash();
    },
  };
}

function ioError(): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    cause: new Error("EIO: input/output error (simulated)"),
  });
}
