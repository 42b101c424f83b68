import { parseCursor } from "../../../cursor.ts";
import { type DeltaRule, mergeDeltas, type StreamFormat } from "../format.ts";
import { sseEvent } from "../sse.ts";

/** Events that say more of the same. */
const DELTAS: Readonly<Record<string, DeltaRule>> = {
  TEXT_MESSAGE_CONTENT: { id: "messageId", delta: "delta" },
  REASONING_MESSAGE_CONTENT: { id: "messageId", delta: "delta" },
  TOOL_CALL_ARGS: { id: "toolCallId", delta: "delta" },
};
const ENDS: ReadonlySet<unknown> = new Set(["RUN_FINISHED", "RUN_ERROR"]);

/** Events of AG-UI. Its client takes the end of the body for success, so whatever else ends it is told. */
export const agUiFormat: StreamFormat = {
  headers: {},
  waits: true,
  merge: (before, after) => mergeDeltas(DELTAS, before, after),
  open() {
    /** Offsets of the last that began a run, and of the last that ended one. */
    let begun = 0;
    let ended = 0;
    const isRunning = () => ended <= begun;
    return {
      note({ value, cursor }) {
        const type = typeof value === "object" && value !== null && "type" in value ? value.type : undefined;
        const offset = parseCursor(cursor)?.offset ?? 0;
        if (type === "RUN_STARTED") begun = Math.max(begun, offset);
        else if (ENDS.has(type)) ended = Math.max(ended, offset);
      },
      atClose: (cursor) =>
        isRunning() ? runError("RUN_CLOSED", "The run was closed before it had finished.", cursor) : null,
      // A run that had ended by itself needs no more words, and yet nothing follows.
      atLoss: (cursor) =>
        isRunning() ? runError("PRODUCER_LOST", "The producer of this run was lost.", cursor) : "",
    };
  },
};

function runError(code: string, message: string, cursor: string): string {
  return sseEvent(JSON.stringify({ type: "RUN_ERROR", message, code }), cursor);
}
