import type { StreamFormat } from "../format.ts";

/** Chunks as they are, one event each. */
export const rawFormat: StreamFormat = {
  headers: {},
  waits: true,
  merge: () => null,
  open: () => ({ note: () => {}, atClose: () => null, atLoss: () => null }),
};
