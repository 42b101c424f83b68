import type { ScanLimits } from "../update/update-scan.ts";

/** What is in the log has been accepted, maybe under limits that have been lowered since: only its form counts. */
export const ENTRY_SCAN: ScanLimits = {
  structsMax: Number.MAX_SAFE_INTEGER,
  clientsMax: Number.MAX_SAFE_INTEGER,
  depthMax: 512,
  clockMax: Number.MAX_SAFE_INTEGER,
  fillerMax: Number.MAX_SAFE_INTEGER,
  typeDepthMax: Number.MAX_SAFE_INTEGER,
};
