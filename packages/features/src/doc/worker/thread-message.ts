import type { ErrorCode } from "@plexline/protocol";
import type { ScanLimits } from "../update/update-scan.ts";
import type { RenderJob } from "./jobs.ts";

// What passes between the main thread and a worker thread: one request, one answer, then the next. The bytes of both are
// handed over, not copied.

export type ThreadRequest =
  | { readonly type: "scan"; readonly update: Uint8Array; readonly limits: ScanLimits }
  | {
      readonly type: "compact";
      /** The snapshot, if there is one, and the updates, one after the other in one buffer. */
      readonly bytes: Uint8Array;
      /** How long each of them is. */
      readonly lengths: readonly number[];
      readonly hasSnapshot: boolean;
    }
  | { readonly type: "render"; readonly job: RenderJob };

export type ThreadAnswer =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      /** Code and fix are those of a PlexlineError; another error has neither. */
      readonly error: { readonly code?: ErrorCode; readonly message: string; readonly fix?: string };
    };
