import { scanUpdate } from "../../update/scan.ts";
import { decodeStateVector } from "../../update/state-vector.ts";
import type { ScanLimits, StateVector } from "../../update/update-scan.ts";

/** Longer updates are not looked into: they are taken for part of the backlog. */
const SCAN_BYTES_MAX = 64 * 1024;

/** Whether the room takes it is the room's to say. */
const LIMITS: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: 100_000,
  depthMax: 256,
  clockMax: 2 ** 40,
  fillerMax: 2 ** 40,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};

/**
 * What a provider's client wrote before it began to sync. The provider keeps these updates while it is not connected, begins to
 * count anew with its SyncStep1, and sends them after it: they are part of the sync and expect no status of their own. One
 * would be taken for the sync's, or for that of a later edit, which may not be durable yet.
 */
export class HocuspocusBacklog {
  readonly #bytes: Uint8Array;
  #stateVector: StateVector | null = null;

  /** @param stateVector What the client had when it began to sync, as its SyncStep1 says. */
  constructor(stateVector: Uint8Array) {
    this.#bytes = Uint8Array.from(stateVector);
  }

  /**
   * Whether an update may have been made before the sync began. A state vector tells nothing of deletions, so that an update
   * which only deletes may have been.
   */
  mayHold(update: Uint8Array): boolean {
    this.#stateVector ??= this.#decode();
    const known = this.#stateVector;
    if (known.size === 0) return false;
    if (update.length > SCAN_BYTES_MAX) return true;
    try {
      const { sections } = scanUpdate(update, LIMITS);
      return sections.length === 0 || sections.some(({ client, from }) => from < (known.get(client) ?? 0));
    } catch {
      // The room refuses it, and the client is told.
      return false;
    }
  }

  /** Bytes that are no state vector hold nothing; the room says what is wrong with them. */
  #decode(): StateVector {
    try {
      return decodeStateVector(this.#bytes, LIMITS);
    } catch {
      return new Map();
    }
  }
}
