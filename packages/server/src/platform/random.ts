import { randomBytes } from "node:crypto";

/** Randomness as the engine sees it; tests bring a seeded one. */
export interface Random {
  /** A number in [0, 1), for jitter. Not for secrets. */
  next(): number;
  /** A URL-safe id with `bytes` bytes of entropy; 16 or more for secrets. */
  id(bytes: number): string;
}

/** The machine's randomness: cryptographic for ids. */
export const systemRandom: Random = {
  next: () => Math.random(),
  id: (bytes) => randomBytes(bytes).toString("base64url"),
};
