import { isKnown } from "../../state/classify.ts";
import { createDocumentState } from "../../state/document-state.ts";
import { scanUpdate } from "../../update/scan.ts";
import type { ScanLimits, UpdateScan } from "../../update/update-scan.ts";
import { sharedDocWorker } from "../../worker/worker-host.ts";

/** Longer updates are scanned in a worker thread. */
const SCAN_BYTES_MAX = 64 * 1024;
/** Bytes that may wait to be scanned for one reader; a document beyond that is not looked through. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;

/** What the room hands out has been judged when it came in. */
const LIMITS: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: 100_000,
  depthMax: 256,
  clockMax: 2 ** 40,
  fillerMax: 2 ** 40,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};

/**
 * Finds out whether a reader has anything that the document has not. Rooms do not ask readers, so that this looks through
 * what the reader is sent instead, and compares it with what the reader answers.
 */
export class ReaderCheck {
  readonly #state = createDocumentState();
  #turn: Promise<void> = Promise.resolve();
  #waitingBytes = 0;
  #isBlind = false;

  /** The reader is sent an update. */
  saw(update: Uint8Array): void {
    this.#waitingBytes += update.length;
    if (this.#waitingBytes > WAITING_BYTES_MAX) this.#isBlind = true;
    if (this.#isBlind) return;
    this.#turn = this.#turn.then(async () => {
      try {
        const { sections, deletions } = await scan(update);
        const ends = sections.map(({ client, end }): [number, number] => [
          client,
          Math.max(end, this.#state.clockOf(client)),
        ]);
        const missing = this.#state.missingDeletions(deletions);
        this.#state.take({ clocks: new Map(ends), deletions: missing }, undefined);
      } catch {
        this.#isBlind = true;
      } finally {
        this.#waitingBytes -= update.length;
      }
    });
  }

  /** What the reader has been sent, as a state vector. */
  async stateVector(): Promise<Uint8Array> {
    await this.#turn;
    return this.#state.encodeVector();
  }

  /** Whether an answer of the reader holds nothing else than it was sent; false where that cannot be told. */
  async isKnown(update: Uint8Array): Promise<boolean> {
    await this.#turn;
    if (this.#isBlind) return false;
    try {
      return isKnown(this.#state, await scan(update));
    } catch {
      return false;
    }
  }
}

async function scan(update: Uint8Array): Promise<UpdateScan> {
  return update.length > SCAN_BYTES_MAX ? sharedDocWorker().scan(update, LIMITS) : scanUpdate(update, LIMITS);
}
