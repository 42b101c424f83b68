import type { UIMessageChunk } from "ai";

/** What a chunk of the stream is to a reader of the AI SDK. */
export type Told =
  | { readonly kind: "chunk"; readonly chunk: UIMessageChunk }
  | { readonly kind: "reset" | "none" };

/** Chunks of a run that the AI SDK has no word for; `error` and `reset` have one. */
const OF_RUNS: ReadonlySet<string> = new Set(["status", "partial", "tool", "progress", "done"]);
const ENDS: ReadonlySet<string> = new Set(["finish", "abort", "error"]);

/** Translates a chunk; a run of the application's own may have chunks of its own between those of the AI SDK. */
export function toUiChunk(value: unknown): Told {
  if (typeof value !== "object" || value === null || !("type" in value) || typeof value.type !== "string")
    return { kind: "none" };
  if (value.type === "reset") return { kind: "reset" };
  if (OF_RUNS.has(value.type)) return { kind: "none" };
  if (value.type === "error" && !("errorText" in value)) {
    const text =
      "message" in value && typeof value.message === "string" ? value.message : "The run has failed.";
    return { kind: "chunk", chunk: errorChunk(text) };
  }
  return { kind: "chunk", chunk: value as UIMessageChunk };
}

/** Whether a chunk says itself how the response has ended. */
export function isEnding({ type }: UIMessageChunk): boolean {
  return ENDS.has(type);
}

export function errorChunk(errorText: string): UIMessageChunk {
  return { type: "error", errorText };
}
