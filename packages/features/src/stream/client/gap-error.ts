import { PlexlineError } from "@plexline/protocol";
import type { StreamGap } from "../transport.ts";

/** An iteration met a gap that nobody else was told of: chunks are gone for good. */
export class StreamGapError extends PlexlineError {
  readonly gap: StreamGap;

  constructor(gap: StreamGap) {
    super("RESYNC", {
      message:
        gap.reason === "trimmed"
          ? "Chunks of the stream that were asked for are not kept any more."
          : "The stream was deleted or begun anew; its earlier chunks are gone.",
      fix: "Give the handle a fold, or onGap to go on with the chunks that are kept.",
    });
    this.name = "StreamGapError";
    this.gap = gap;
  }
}
