import { createAbsolutePositionFromRelativePosition, createRelativePositionFromJSON } from "yjs";
import type { EditorAwareness } from "./shared-text.ts";
import { fieldOf, parseUserState } from "./user-state.ts";

/** The part of an awareness that the editor's binding uses. */
export type CursorAwareness = Omit<EditorAwareness, "clientID" | "states">;

/**
 * An awareness as the editor may see it. The binding writes a stranger's colour into a style attribute and resolves a stranger's
 * cursor without a guard, so both are checked first: colours become the page's own, and a cursor that is none is left out.
 */
export function createCursorAwareness(awareness: EditorAwareness): CursorAwareness {
  return {
    doc: awareness.doc,
    on: awareness.on.bind(awareness),
    off: awareness.off.bind(awareness),
    getLocalState: () => awareness.getLocalState(),
    setLocalStateField: (field, value) => awareness.setLocalStateField(field, value),
    getStates: () =>
      new Map([...awareness.getStates()].map(([id, state]) => [id, readableState(awareness, id, state)])),
  };
}

function readableState(awareness: EditorAwareness, id: number, state: unknown): { [field: string]: unknown } {
  const person = parseUserState(id, state);
  const cursor = fieldOf(state, "cursor");
  if (
    !person ||
    !isPosition(awareness, fieldOf(cursor, "anchor")) ||
    !isPosition(awareness, fieldOf(cursor, "head"))
  )
    return {};
  const color = `var(--hue-${person.hue})`;
  return {
    cursor,
    user: {
      name: person.name,
      hue: person.hue,
      color,
      colorLight: `color-mix(in srgb, ${color} 25%, transparent)`,
    },
  };
}

/** Whether a position can be looked up; whether it is in the text, the binding checks. */
function isPosition(awareness: EditorAwareness, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  try {
    createAbsolutePositionFromRelativePosition(createRelativePositionFromJSON(value), awareness.doc);
    return true;
  } catch {
    return false;
  }
}
