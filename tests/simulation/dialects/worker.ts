import { scanUpdate } from "../../../packages/features/src/doc/update/scan.ts";
import { fold } from "../../../packages/features/src/doc/worker/fold.ts";
import type { DocWorker } from "../../../packages/features/src/doc/worker/jobs.ts";

/**
 * Does at once what threads do in their own time. Whole documents, which drafts are sent on every connect, are folded
 * here, and with threads a seed would not repeat.
 */
export const immediateWorker: DocWorker = {
  scan: async (update, limits) => scanUpdate(update, limits),
  fold: async (job) => fold(job),
};
