import { type DocOptions, doc } from "@plexline/features/server";
import type { Feature } from "@plexline/server";
import { fold } from "./fold.ts";

/** Addresses of documents. A run uses the first ones, or none. */
export const DOCUMENTS = ["doc:1", "doc:2"] as const;
export type DocumentAddress = (typeof DOCUMENTS)[number];

/** Who may read documents and not write to them. */
export const READER = "auditor";

/** How long the awareness of a lost connection is shown. */
export const AWARENESS_LEAVE_AFTER_MS = 3_000;

type DocWorker = NonNullable<DocOptions["worker"]>;

/** Folds on this thread, for the virtual clock would run away from another one. */
const WORKER: DocWorker = {
  fold: async (job) => fold(job),
  scan: () => Promise.reject(new Error("No update of a simulation is so long that a worker scans it.")),
};

/** The documents of the simulated server. */
export function createDocuments(compactAfterEntries: number): Feature {
  return doc("doc:{id}", {
    authorize: ({ principal }) => (principal.id === READER ? "read" : "write"),
    worker: WORKER,
    compactAfterEntries,
    awarenessLeaveAfterMs: AWARENESS_LEAVE_AFTER_MS,
  });
}
