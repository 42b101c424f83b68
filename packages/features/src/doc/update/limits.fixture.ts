import type { ScanLimits } from "./update-scan.ts";

/** The defaults of documents. */
export const LIMITS: ScanLimits = {
  structsMax: 100_000,
  clientsMax: 1_000,
  depthMax: 64,
  clockMax: 2 ** 40,
  fillerMax: 2 ** 24,
  typeDepthMax: 200,
};
