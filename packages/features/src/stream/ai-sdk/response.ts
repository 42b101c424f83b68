import type { UIMessageChunk } from "ai";
import type { StreamEntry } from "../client/chunks.ts";
import type { StreamHandle } from "../client/handle.ts";
import type { ProducerChange } from "../protocol.ts";
import type { StreamClock } from "../transport.ts";
import { CompactedChunks } from "./compaction.ts";
import { errorChunk, isEnding, toUiChunk } from "./translation.ts";

/**
 * The response has begun anew, and what has been read of it is void. `Chat` of the AI SDK takes it for a disconnect: call
 * `resumeStream()` in its `onError` to show the new one in its place.
 */
export class ResponseResetError extends TypeError {
  constructor() {
    // The words by which the AI SDK knows errors after which a stream may be resumed.
    super("network: the response has begun anew; resume the stream.");
    this.name = "ResponseResetError";
  }
}

export interface ResponseOptions {
  /** How long a lost producer may be without a successor, in milliseconds. */
  readonly lossGraceMs: number;
  readonly clock: Pick<StreamClock, "setTimer">;
  readonly signal?: AbortSignal | undefined;
  /** It has ended, or nobody reads it any more. */
  onEnd(how: "closed" | "left"): void;
}

const BACKLOG_LENGTH_MAX = 16 * 1024 * 1024;

type Next = Promise<IteratorResult<StreamEntry<unknown>, undefined>>;

/** One response, read from its beginning as the chunks of the AI SDK: what there is at once and merged, then what comes. */
export class ChatResponse {
  readonly #handle: StreamHandle;
  readonly #options: ResponseOptions;
  readonly #entries: AsyncIterator<StreamEntry<unknown>, undefined>;
  readonly #offs: (() => void)[];
  readonly #states = new Map<string, ProducerChange["state"]>();
  /** Offset of the last entry that was there at first; null until it is known. */
  #head: number | null = null;
  /** Chunks that have been seen, and taken, up to there. */
  #seen = 0;
  #taken = 0;
  #isCaughtUp = false;
  #caughtUp!: () => void;
  #lost!: () => void;
  readonly #whenCaughtUp = new Promise<void>((resolve) => {
    this.#caughtUp = resolve;
  });
  readonly #whenLost = new Promise<void>((resolve) => {
    this.#lost = resolve;
  });
  #lossTimer: { cancel(): void } | null = null;
  #cancels = new Set<string>();
  #isCancelled = false;
  #hasEnding = false;
  #isOver = false;
  /** Asked for, and not given yet. */
  #next: Next | null = null;

  constructor(handle: StreamHandle, options: ResponseOptions) {
    this.#handle = handle;
    this.#options = options;
    this.#offs = [
      handle.on("info", (info) => {
        if (this.#head !== null) return;
        for (const { producer, state } of info?.producers ?? []) this.#states.set(producer, state);
        for (const { id, kind } of info?.requests ?? []) if (kind === "cancel") this.#cancels.add(id);
        this.#watchLoss();
        this.#reach(0, info?.position.offset ?? 0);
      }),
      handle.on("chunk", (_chunk, { offset }) => {
        if (!this.#isCaughtUp) this.#seen += 1;
        this.#reach(offset);
      }),
      handle.on("request", ({ id, kind }, { offset }) => {
        if (kind === "cancel") this.#cancels.add(id);
        this.#reach(offset);
      }),
      handle.on("outcome", ({ request, status }, { offset }) => {
        this.#isCancelled ||= status === "done" && this.#cancels.has(request);
        this.#reach(offset);
      }),
      handle.on("ask", (_ask, { offset }) => this.#reach(offset)),
      handle.on("producer", ({ producer, state }, { offset }) => {
        this.#states.set(producer, state);
        this.#reach(offset);
        this.#watchLoss();
      }),
      handle.on("close", (_end, { offset }) => this.#reach(offset)),
    ];
    this.#entries = handle.entries() as AsyncIterator<StreamEntry<unknown>, undefined>;
  }

  /** The chunks, to be read once. */
  stream(): ReadableStream<UIMessageChunk> {
    const { signal } = this.#options;
    let backlog: UIMessageChunk[] | null = null;
    return new ReadableStream<UIMessageChunk>(
      {
        start: (controller) => {
          const leave = () => {
            if (this.#isOver) return;
            this.#end("left");
            controller.close();
          };
          signal?.addEventListener("abort", leave, { once: true });
          if (signal?.aborted) leave();
        },
        pull: async (controller) => {
          try {
            backlog ??= await this.#readBacklog();
            const chunk = backlog.shift() ?? (await this.#readNext());
            if (this.#isOver) return;
            if (chunk !== null) controller.enqueue(chunk);
            else {
              this.#end("closed");
              controller.close();
            }
          } catch (error) {
            if (this.#isOver) return;
            this.#end("left");
            if (error instanceof ResponseResetError) controller.error(error);
            else {
              controller.enqueue(errorChunk(error instanceof Error ? error.message : String(error)));
              controller.close();
            }
          }
        },
        cancel: () => this.#end("left"),
      },
      { highWaterMark: 0 },
    );
  }

  /** All that is there, merged and without what is void. */
  async #readBacklog(): Promise<UIMessageChunk[]> {
    const chunks = new CompactedChunks();
    while (!this.#isCaughtUp || this.#taken < this.#seen) {
      this.#next ??= this.#entries.next();
      const result = await (this.#isCaughtUp ? this.#next : Promise.race([this.#next, this.#whenCaughtUp]));
      if (result === undefined) continue;
      this.#next = null;
      if (result.done) {
        // It is asked once more how it has ended.
        this.#next = Promise.resolve(result);
        break;
      }
      this.#taken += 1;
      const told = toUiChunk(result.value.chunk);
      if (told.kind === "reset") {
        chunks.reset();
        this.#hasEnding = false;
      } else if (told.kind === "chunk") {
        chunks.add(told.chunk);
        this.#hasEnding ||= isEnding(told.chunk);
      }
      if (chunks.length > BACKLOG_LENGTH_MAX) throw new Error("The response is too long to be read anew.");
    }
    return chunks.take();
  }

  /** The next chunk; null after the last one. */
  async #readNext(): Promise<UIMessageChunk | null> {
    for (;;) {
      this.#next ??= this.#entries.next();
      const result = await Promise.race([this.#next, this.#whenLost]);
      if (result === undefined) throw new Error("The producer of this response was lost.");
      this.#next = null;
      if (result.done) {
        this.#next = Promise.resolve(result);
        return this.#lastWord();
      }
      const told = toUiChunk(result.value.chunk);
      if (told.kind === "reset") throw new ResponseResetError();
      if (told.kind !== "chunk") continue;
      this.#hasEnding ||= isEnding(told.chunk);
      return told.chunk;
    }
  }

  /** What is told of a run that was closed without a word of the AI SDK's; null for nothing. */
  #lastWord(): UIMessageChunk | null {
    if (this.#hasEnding || this.#isOver) return null;
    this.#hasEnding = true;
    return this.#isCancelled
      ? { type: "abort" }
      : errorChunk("The response was closed before it had finished.");
  }

  #reach(offset: number, head?: number): void {
    this.#head ??= head ?? null;
    if (this.#isCaughtUp || this.#head === null || offset < this.#head) return;
    this.#isCaughtUp = true;
    this.#caughtUp();
  }

  /** Gives up when a producer is lost and none has come in its place for too long. */
  #watchLoss(): void {
    const states = [...this.#states.values()];
    const isLost = states.includes("lost") && !states.includes("attached");
    if (!isLost) {
      this.#lossTimer?.cancel();
      this.#lossTimer = null;
    } else this.#lossTimer ??= this.#options.clock.setTimer(this.#lost, this.#options.lossGraceMs);
  }

  #end(how: "closed" | "left"): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#lossTimer?.cancel();
    for (const off of this.#offs) off();
    this.#handle.leave();
    this.#options.onEnd(how);
  }
}
