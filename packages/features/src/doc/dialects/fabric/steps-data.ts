import { PlexlineError } from "@plexline/protocol";

/** What a message of a steps client has in `data`: the version that it is about, and for an `update` what it adds. */
export interface StepsData {
  readonly version: unknown;
  readonly steps?: unknown;
  readonly clientID?: unknown;
}

/** Whether `data` speaks of steps [FB20]: bytes, in whatever form, have no `version`. */
export function isStepsData(data: unknown): data is StepsData {
  return typeof data === "object" && data !== null && !Array.isArray(data) && Object.hasOwn(data, "version");
}

/** Reads the version of a question; throws PAYLOAD_INVALID. */
export function versionOf({ version }: StepsData): number {
  if (typeof version === "number" && Number.isSafeInteger(version) && version >= 0) return version;
  throw new PlexlineError("PAYLOAD_INVALID", { message: "version must be a whole number of at least 0." });
}
