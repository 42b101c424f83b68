import { type DeltaRule, mergeDeltas, type StreamFormat } from "../format.ts";
import { sseEvent } from "../sse.ts";

/** Chunks of the UI message stream that say more of the same, as long as they have no metadata of a provider. */
const DELTAS: Readonly<Record<string, DeltaRule>> = {
  "text-delta": { id: "id", delta: "delta" },
  "reasoning-delta": { id: "id", delta: "delta" },
  "tool-input-delta": { id: "toolCallId", delta: "inputTextDelta" },
};
const DONE = "[DONE]";
const LOST = JSON.stringify({ type: "error", errorText: "The producer of this run was lost." });

/** Chunks of the AI SDK's UI message stream. Its client takes 204 for a chat in which nothing happens. */
export const aiSdkFormat: StreamFormat = {
  headers: { "x-vercel-ai-ui-message-stream": "v1" },
  waits: false,
  merge: (before, after) => mergeDeltas(DELTAS, before, after),
  open: () => ({
    note: () => {},
    atClose: (cursor) => sseEvent(DONE, cursor),
    atLoss: (cursor) => sseEvent(LOST, cursor) + sseEvent(DONE, cursor),
  }),
};
