import type { Awareness } from "y-protocols/awareness";
import type { Doc, Text, YTextEvent } from "yjs";

/** The document's text, in the place where the panes agree to look for it. */
export function textOf(doc: Doc): Text {
  return doc.getText("content");
}

/** What the pages need of an awareness: that of y-protocols is one. */
export type EditorAwareness = Pick<
  Awareness,
  "clientID" | "doc" | "states" | "on" | "off" | "getLocalState" | "setLocalStateField" | "getStates"
>;

/** What an editor needs of a session, whichever provider keeps its document up to date. */
export interface EditedText {
  readonly text: Text;
  /** Null where the wire has no words for cursors. */
  readonly awareness: EditorAwareness | null;
}

/** What stands for an image or another embedded object of a richer editor: one character, as it counts in the text. */
const OBJECT_CHARACTER = "\uFFFC";

/** The text as plain characters, each at the index it has in the shared text. */
export function plainTextOf(text: Text): string {
  const parts = text.toDelta() as readonly { readonly insert: unknown }[];
  return parts.map(({ insert }) => (typeof insert === "string" ? insert : OBJECT_CHARACTER)).join("");
}

/**
 * Lets observers that come later see embedded objects as characters: the editor's binding takes every insertion for a string
 * and would hang the page on another. Returns what stops it.
 */
export function showObjectsAsText(text: Text): () => void {
  const replace = ({ delta }: YTextEvent) => {
    // An event makes its delta once, so all observers share it.
    for (const part of delta)
      if (part.insert !== undefined && typeof part.insert !== "string") part.insert = OBJECT_CHARACTER;
  };
  text.observe(replace);
  return () => text.unobserve(replace);
}
