import type { ChurnLook } from "../oracle/churn.mjs";

export function measureDocumentMemory(options: {
  readonly documents: number;
  readonly tell?: (line: string) => void;
}): Promise<{
  /** Heap that is left of each document, in bytes. */
  readonly leftBytes: number;
  readonly peakRooms: number;
  /** What was held after the warm-up, and in the end. */
  readonly held: readonly ChurnLook["held"][];
}>;
