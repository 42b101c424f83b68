import type { ClientClock, ClientTimer } from "@plexline/client";
import { PlexlineError } from "@plexline/protocol";
import { type Doc, encodeStateAsUpdate, mergeUpdates } from "yjs";
import { DOC_KIND } from "../protocol.ts";
import { SaveLedger } from "./save-ledger.ts";

/** Larger updates travel in a `sync-response`. Leaves room for the head of the message below the server's 1 MiB. */
const UPDATE_BYTES_MAX = 1_048_576 - 1_024;
/** Largest first `sync-response` of a subscription. */
const SYNC_BYTES_MAX = 64 * 1_048_576 - 1_024;
/** Merging takes more than linear time. */
const MERGED_UPDATES_MAX = 500;
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 30_000;
/** Refusals in a row whose pause is kept while the document grows: what was missing may have come. */
const FAILURES_OF_GROWING = 2;

export interface EditSenderOptions {
  readonly doc: Doc;
  readonly clock: Pick<ClientClock, "setTimer">;
  /** False when the topic is not subscribed. */
  send(kind: number, payload: Uint8Array): boolean;
  /** Subscribes anew: the server then asks for what it lacks, with room for a large answer. */
  resubscribe(): void;
  onError(error: PlexlineError): void;
}

/**
 * Brings local edits to the server and knows which of them are durable there. What cannot go as an `update`, or was
 * refused, goes with the next answer to a `sync-request`, and counts as unsaved until that is acknowledged.
 */
export class EditSender {
  /** Why what is unsaved will stay so; a later subscription may change that. */
  error: PlexlineError | undefined;
  readonly #options: EditSenderOptions;
  readonly #ledger = new SaveLedger();
  #queue: Uint8Array[] = [];
  #canWrite = false;
  #isOpen = false;
  /** Updates would build on something that the server has not been told yet. */
  #mustAnswer = true;
  #hasAnswered = false;
  /** Edits of the application itself since nothing was unsaved; a reader's document may hold others, from a local store. */
  #own = 0;
  /** A reader's document holds something that is not the application's edit: not counted, unless the reader may write one day. */
  #hasUncounted = false;
  /** Retries since nothing was unsaved, and refusals that time does not heal. */
  #failures = 0;
  #refusals = 0;
  #timer: ClientTimer | undefined;

  constructor(options: EditSenderOptions) {
    this.#options = options;
    // Whether the server has what the document came with shows with the first sync.
    if (options.doc.store.clients.size > 0) this.#ledger.add();
  }

  get unsaved(): number {
    return this.#ledger.unsaved;
  }

  /** The document changed, not by what the server sent. True if `flush` has something to do. */
  edited(update: Uint8Array, isOwn: boolean): boolean {
    if (isOwn) this.#own++;
    if (this.#isOpen && !this.#canWrite) {
      if (!isOwn) this.#hasUncounted = true;
      else {
        this.#ledger.add();
        if (this.error === undefined) this.#fail(readOnly());
      }
      return false;
    }
    this.#ledger.add();
    if (!this.#isOpen || this.#mustAnswer) return false;
    this.#queue.push(update);
    return true;
  }

  /** Sends what has been edited since the last time, in order, as few messages. */
  flush(): void {
    for (const batch of batches(this.#queue.splice(0))) {
      const update = batch.length === 1 ? batch[0]! : mergeUpdates(batch);
      const isTooLarge = update.length > UPDATE_BYTES_MAX;
      if (isTooLarge) this.#resubscribe();
      else if (this.#options.send(DOC_KIND.update, update)) this.#ledger.carry(batch.length);
      else this.close();
      // The rest waits for the server's next question, which the answer to it covers.
      if (!this.#isOpen || isTooLarge) return;
    }
  }

  /** Subscribed: the count begins anew, and what is unsaved waits for the server's question. */
  open(canWrite: boolean): void {
    this.close();
    this.#ledger.restart();
    this.#isOpen = true;
    this.#canWrite = canWrite;
    this.#hasAnswered = false;
    this.error = undefined;
    if (canWrite) {
      if (this.#hasUncounted) this.#ledger.add();
      this.#hasUncounted = false;
    } else {
      this.#hasUncounted ||= this.unsaved > this.#own;
      this.#ledger.limit(this.#own);
      if (this.unsaved > 0) this.#fail(readOnly());
    }
    this.#mustAnswer = this.unsaved > 0;
  }

  /** Nothing can be sent until `open`. */
  close(): void {
    this.#isOpen = false;
    this.#queue = [];
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** The server asks for what is beyond its state vector. The answer covers everything that is unsaved. */
  answer(stateVector: Uint8Array): void {
    this.flush();
    if (!this.#isOpen || !this.#canWrite) return;
    const update = encodeStateAsUpdate(this.#options.doc, stateVector);
    if (update.length > SYNC_BYTES_MAX) this.#fail(tooLarge(update.length));
    else if (this.#hasAnswered && update.length > UPDATE_BYTES_MAX) this.#resubscribe();
    else if (this.#options.send(DOC_KIND.syncResponse, update)) this.#answered();
    else this.close();
  }

  committed(acked: number): void {
    if (!this.#isOpen) return;
    this.#ledger.ack(acked);
    if (this.unsaved > 0) return;
    this.#own = 0;
    this.#failures = 0;
    this.#refusals = 0;
    this.error = undefined;
  }

  /**
   * Something was refused, and which message it was is not told: nothing that is on its way counts as carried any more.
   * The server asks again by itself after some failures; after the others a new subscription makes it ask.
   */
  refused(error: PlexlineError): void {
    if (!this.#isOpen || error.code === "PRESENCE_INVALID") return;
    this.#ledger.recall();
    if (error.code === "FORBIDDEN" && this.#canWrite) {
      this.#startAnew(error);
      return;
    }
    if (this.#ledger.waiting === 0) return;
    if (error.retry === "never" && this.#refusals++ > 0) {
      this.error = error;
      // Edits that build on what another user wrote can be saved once that user's have been.
      if (error.code !== "CLIENT_ID_TAKEN") return;
    }
    this.#retry(error.retryAfterMs);
  }

  /** Something came from the server. */
  grown(): void {
    if (this.#timer === undefined || this.#failures <= FAILURES_OF_GROWING + 1) return;
    this.#failures = FAILURES_OF_GROWING;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#retry();
  }

  /** The server has not counted what it refused (rule DC12): nothing that counts is sent before the next subscription. */
  #startAnew(error: PlexlineError): void {
    this.close();
    if (this.#refusals++ > 0 && this.unsaved > 0) this.error = error;
    this.#retry(error.retryAfterMs);
  }

  #answered(): void {
    this.#hasAnswered = true;
    this.#mustAnswer = false;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#ledger.carry();
  }

  #retry(leastMs = 0): void {
    if (this.#timer !== undefined) return;
    const delayMs = Math.min(RETRY_MS * 2 ** this.#failures++, RETRY_MAX_MS);
    this.#timer = this.#options.clock.setTimer(() => this.#resubscribe(), Math.max(delayMs, leastMs));
  }

  #resubscribe(): void {
    this.close();
    this.#options.resubscribe();
  }

  #fail(error: PlexlineError): void {
    this.error = error;
    this.#options.onError(error);
  }
}

/** Cuts a queue into what fits one message; an update that is too large alone stands alone. */
function* batches(queue: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for (const update of queue) {
    if (batch.length === MERGED_UPDATES_MAX || (bytes > 0 && bytes + update.length > UPDATE_BYTES_MAX)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(update);
    bytes += update.length;
  }
  if (batch.length > 0) yield batch;
}

function readOnly(): PlexlineError {
  return new PlexlineError("FORBIDDEN", {
    message: "This user may read the document and not write to it: edits stay on this page.",
    fix: "Make the editor read-only while canWrite is false, or ask an admin for access.",
  });
}

function tooLarge(bytes: number): PlexlineError {
  return new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `What the server lacks is ${bytes} bytes; at most ${SYNC_BYTES_MAX} can be sent at once.`,
    fix: "Split the document into several.",
  });
}
