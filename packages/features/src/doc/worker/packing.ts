import type { CompactJob } from "./jobs.ts";
import type { ThreadRequest } from "./thread-message.ts";

type CompactRequest = ThreadRequest & { readonly type: "compact" };

/** The bytes of all updates of a job. */
export function bytesOf({ snapshot, updates }: CompactJob): number {
  return updates.reduce((bytes, update) => bytes + update.length, snapshot?.length ?? 0);
}

/**
 * A job as it is handed to a thread, with one buffer of its own for all its bytes: those of the job may be parts of larger
 * buffers, which would be copied or taken away whole.
 */
export function pack(job: CompactJob): { readonly message: CompactRequest; readonly transfer: ArrayBuffer } {
  const parts = job.snapshot ? [job.snapshot, ...job.updates] : job.updates;
  const bytes = new Uint8Array(bytesOf(job));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  const lengths = parts.map((part) => part.length);
  const hasSnapshot = job.snapshot !== undefined;
  return { message: { type: "compact", bytes, lengths, hasSnapshot }, transfer: bytes.buffer };
}

/** The job in a request; its updates are views of the request's bytes. */
export function unpack({ bytes, lengths, hasSnapshot }: CompactRequest): CompactJob {
  let at = 0;
  const parts = lengths.map((length) => {
    at += length;
    return bytes.subarray(at - length, at);
  });
  return hasSnapshot
    ? { snapshot: parts[0], updates: parts.slice(1) }
    : { snapshot: undefined, updates: parts };
}
