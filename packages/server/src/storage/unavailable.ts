import { PlexlineError } from "@plexline/protocol";

/** What every storage rejects with when the disk refuses, keeping what the disk said as the cause. */
export function storageUnavailable(cause: unknown): PlexlineError {
  if (cause instanceof PlexlineError && cause.code === "STORAGE_UNAVAILABLE") return cause;
  return new PlexlineError("STORAGE_UNAVAILABLE", { cause });
}

/** What a storage answers after `close`. */
export function storageClosed(): PlexlineError {
  return new PlexlineError("STORAGE_UNAVAILABLE", {
    message: "The storage is closed.",
    fix: "Open it again; a request after close() comes from code that outlives the server.",
  });
}
