import { PlexlineError, type Position } from "@plexline/protocol";
import { type AppendOutput, STREAM_COMMAND, type StreamEnd } from "../protocol.ts";
import type { StreamTransport } from "../transport.ts";
import { ProducerFencedError } from "./fenced.ts";
import { type Batch, type ProducerLimits, ProducerQueue } from "./queue.ts";

/** Appends without answer at most. */
const IN_FLIGHT_MAX = 4;
/** Room for what goes around the values of an append. */
const ENVELOPE_BYTES = 512;
const RETRY_BASE_MS = 100;
const RETRY_CAP_MS = 10_000;

export interface AppenderOptions {
  readonly transport: StreamTransport;
  readonly producer: string;
  readonly lingerMs: number;
  readonly limits: ProducerLimits;
  /** An append was accepted, which renews the lease. */
  onAccepted(): void;
  /** The producer has ended: by its own close, or for this reason. */
  onEnd(error: PlexlineError | null): void;
}

/**
 * Appends values exactly once and in order, over whatever happens on the way: each batch has its sequence for good, and goes
 * again under it until the server says what became of it (ST2 to ST5). A few are on their way at once; after a failure the
 * oldest goes alone until it is through.
 */
export class Appender {
  readonly queue: ProducerQueue;
  readonly #options: AppenderOptions;
  #generation: number | null = null;
  #next = 0;
  /** Rises with each failure: what was sent in an earlier one goes again. */
  #attempt = 0;
  #failures = 0;
  /** Something failed: the oldest goes alone. */
  #isRecovering = false;
  /** Nothing may be sent now. */
  #isPaused = false;
  /** Calls that have not been answered yet, of all attempts. */
  #calls = 0;
  /** A call was given up without an answer; it may still reach the server. */
  #isUnsure = false;
  #refusedBatch: { readonly batch: Batch; readonly error: PlexlineError } | null = null;
  #isScheduled = false;
  #over: { readonly error: PlexlineError } | null = null;

  constructor(options: AppenderOptions) {
    this.#options = options;
    this.queue = new ProducerQueue(options.limits);
  }

  /** The last sequence that was given to a batch; -1 for none. */
  get sequence(): number {
    return this.#next - 1;
  }

  /** The generation is attached: sending may begin after this sequence. */
  begin(generation: number, sequence: number): void {
    this.#generation = generation;
    this.#next = sequence + 1;
    this.#flush();
  }

  /** Resolves when all of it is durable. Rejects with a PlexlineError. */
  append(values: readonly unknown[], end: StreamEnd | null = null): Promise<Position> {
    if (this.#over !== null) return Promise.reject(this.#over.error);
    if (this.queue.isEnding) return Promise.reject(new PlexlineError("STREAM_CLOSED"));
    const added = this.queue.add(values, this.#bytesMax, end);
    this.#flushSoon();
    return added;
  }

  /** Ends it: by its own close (null), or for a reason. What has no answer is rejected. */
  end(error: PlexlineError | null): void {
    if (this.#over !== null) return;
    this.#over = { error: error ?? new PlexlineError("STREAM_CLOSED") };
    this.queue.fail(this.#over.error);
    this.#options.onEnd(error);
  }

  get #bytesMax(): number {
    return this.#options.transport.commandBytesMax - ENVELOPE_BYTES;
  }

  #flushSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const { lingerMs, transport } = this.#options;
    const flush = () => {
      this.#isScheduled = false;
      this.#flush();
    };
    // What is appended in one go leaves together.
    if (lingerMs === 0) queueMicrotask(flush);
    else transport.clock.setTimer(flush, lingerMs);
  }

  /** Sends what may be sent. What was added while something is on its way waits for its answer, unless it fills a batch. */
  #flush(): void {
    if (this.#over !== null || this.#generation === null) return;
    const { queue } = this;
    while (!this.#isPaused) {
      const inFlight = queue.sent.filter(({ attempt }) => attempt === this.#attempt).length;
      if (inFlight >= (this.#isRecovering ? 1 : IN_FLIGHT_MAX)) return;
      const again = queue.sent[inFlight];
      const isDue = queue.hasWaiting && (inFlight === 0 || queue.isFull(this.#bytesMax));
      if (again !== undefined) this.#send(again);
      else if (isDue) this.#send(queue.take(this.#next++, this.#bytesMax));
      else return;
    }
  }

  #send(batch: Batch): void {
    const { transport, producer } = this.#options;
    const attempt = this.#attempt;
    const { sequence, items, end } = batch;
    batch.attempt = attempt;
    this.#calls += 1;
    transport
      .call(STREAM_COMMAND.append, {
        values: items.map(({ value }) => value),
        producer: { id: producer, generation: this.#generation, sequence },
        ...(end === null ? {} : { close: true, ...end.value }),
      })
      .then(
        (output) => this.#answered(batch, sequence, attempt, output as AppendOutput),
        (reason: unknown) => this.#refused(batch, attempt, PlexlineError.from(reason)),
      )
      .finally(() => {
        this.#calls -= 1;
        this.#moveUp();
      });
  }

  #answered(batch: Batch, sequence: number, attempt: number, output: AppendOutput): void {
    if (this.#over !== null) return;
    if (output.accepted) this.#accepted(batch, sequence, output.position);
    else if (output.reason === "fenced") this.end(new ProducerFencedError(output.generation));
    else if (attempt !== this.#attempt) return;
    else if (output.reason === "gap") this.#fillGap(output.expected);
    else this.end(refusal(output));
  }

  #accepted(batch: Batch, sequence: number, position: Position): void {
    this.#failures = 0;
    this.#isRecovering = false;
    this.queue.settle(sequence, position);
    if (this.queue.sent.length === 0) this.#isUnsure = false;
    this.#options.onAccepted();
    if (batch.end !== null) this.end(null);
    this.#flush();
  }

  /** The server has not seen what came before: all goes again, if we still have it. */
  #fillGap(expected: number): void {
    const oldest = this.queue.sent[0];
    if (oldest !== undefined && oldest.sequence <= expected) this.#recover();
    else this.end(new PlexlineError("RESYNC", { message: "The stream has lost appends of this producer." }));
  }

  #refused(batch: Batch, attempt: number, error: PlexlineError): void {
    if (this.#over !== null) return;
    if (error.retry !== "never") this.#isUnsure = true;
    if (attempt !== this.#attempt) return;
    const isBadValue = error.code === "PAYLOAD_INVALID" || error.code === "MESSAGE_TOO_LARGE";
    if (isBadValue && !this.#isUnsure) {
      this.#attempt += 1;
      this.#isPaused = true;
      this.#refusedBatch = { batch, error };
    } else if (error.retry === "never") this.end(error);
    else this.#recover(error.retryAfterMs);
  }

  /**
   * Takes out a batch that the server takes in no way, and gives its number to the next one: not before everything sent under
   * the old numbers is answered, because two batches under one number could both be accepted.
   */
  #moveUp(): void {
    if (this.#refusedBatch === null || this.#calls > 0 || this.#over !== null) return;
    const { batch, error } = this.#refusedBatch;
    this.#refusedBatch = null;
    this.queue.refuse(batch, error);
    this.#next = (this.queue.sent.at(-1)?.sequence ?? batch.sequence - 1) + 1;
    this.#isPaused = false;
    this.#flush();
  }

  /** Sends everything again after a pause, the oldest first and alone. */
  #recover(leastMs = 0): void {
    const { clock, random } = this.#options.transport;
    const attempt = ++this.#attempt;
    const backoffMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#isRecovering = true;
    this.#isPaused = true;
    const resume = () => {
      if (attempt !== this.#attempt) return;
      this.#isPaused = false;
      this.#flush();
    };
    clock.setTimer(resume, Math.max(leastMs, random.next() * backoffMs));
  }
}

function refusal(output: Exclude<AppendOutput, { accepted: true }>): PlexlineError {
  if (output.reason === "closed") return new PlexlineError("STREAM_CLOSED");
  return new PlexlineError("PAYLOAD_INVALID", {
    message: `The append was refused for its ${output.reason}.`,
  });
}
