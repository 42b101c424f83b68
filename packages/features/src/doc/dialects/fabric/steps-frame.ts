import type { DocumentMode, StepsRun } from "../../../steps/protocol.ts";

/** How a document is edited [FB19]. */
export function encodeMode(documentId: string, mode: DocumentMode): string {
  return JSON.stringify({ type: "mode", documentId, mode });
}

/** Consecutive steps [FB22]. `more`: an answer that stops before the newest step. */
export function encodeSteps(
  documentId: string,
  { version, steps, clientIDs }: StepsRun,
  more = false,
): string {
  const data = { version, steps, clientIDs };
  return JSON.stringify({ type: "steps", documentId, data, ...(more ? { more } : {}) });
}

/** The frames of submits, kept for as long as somebody else keeps the payload: one is written for all editors. */
export class StepsFrames {
  readonly #frames = new WeakMap<object, { readonly documentId: string; readonly frame: string }>();

  frameOf(documentId: string, run: StepsRun): string {
    const cached = this.#frames.get(run);
    if (cached?.documentId === documentId) return cached.frame;
    const frame = encodeSteps(documentId, run);
    this.#frames.set(run, { documentId, frame });
    return frame;
  }
}
