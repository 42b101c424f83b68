import type { ErrorCode } from "@plexline/protocol";
import type { ScanLimits } from "../update/update-scan.ts";
import type { FoldJob, RenderJob } from "./jobs.ts";

// What passes between the main thread and a worker thread: one request, one answer, then the next. The bytes of both are
// handed over, not copied.

export type ThreadRequest =
  | { readonly type: "scan"; readonly update: Uint8Array; readonly limits: ScanLimits }
  | { readonly type: "fold"; readonly job: Pick<FoldJob, "how" | "segments" | "batches"> }
  | { readonly type: "render"; readonly job: RenderJob };

export type ThreadAnswer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      /** Code and fix are those of a PlexlineError; another error has neither. */
      readonly error: { readonly code?: ErrorCode; readonly message: string; readonly fix?: string };
    };
