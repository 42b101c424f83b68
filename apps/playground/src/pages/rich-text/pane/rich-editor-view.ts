import { Editor } from "@tiptap/core";
import { Collaboration } from "@tiptap/extension-collaboration";
import { CollaborationCaret } from "@tiptap/extension-collaboration-caret";
import { StarterKit } from "@tiptap/starter-kit";
import { createCursorAwareness } from "../../../editing/cursor-awareness.ts";
import type { DocumentLine } from "../../../editing/document-line.ts";
import type { EditorAwareness } from "../../../editing/shared-text.ts";
import { userFieldOf } from "../../../editing/user-state.ts";

/** Where TipTap keeps its text in the document, unless told otherwise. */
const FIELD = "default";
/** Never seen: carets and selections get theirs by their hue. */
const HEX_COLOR = "#000000";

/** A TipTap editor bound to a document: its text, its carets, and an undo that takes back only what was written in it. */
export function createRichEditor(parent: HTMLElement, line: DocumentLine, label: string): Editor {
  return new Editor({
    element: parent,
    extensions: [
      StarterKit.configure({
        // The shared document has a history of its own.
        undoRedo: false,
        // Each of the editors would add an empty paragraph for the same change.
        trailingNode: false,
        link: { openOnClick: false },
      }),
      Collaboration.configure({ document: line.doc, field: FIELD }),
      ...(line.awareness
        ? [
            CollaborationCaret.configure({
              provider: { awareness: createCaretAwareness(line.awareness) },
              user: { ...userFieldOf(line.person) },
              render: renderCaret,
              selectionRender: ({ hue }) => ({ nodeName: "span", class: "rich-selection", "data-hue": hue }),
            }),
          ]
        : []),
    ],
    editorProps: {
      attributes: {
        class: "rich-content",
        role: "textbox",
        "aria-multiline": "true",
        "aria-label": label,
        "data-testid": "editor",
        spellcheck: "true",
      },
    },
  });
}

/** States that are checked, under both names that the extension reads them by. Colours come from the style sheet. */
function createCaretAwareness(awareness: EditorAwareness) {
  const checked = createCursorAwareness(awareness);
  return {
    ...checked,
    get states() {
      return checked.getStates();
    },
    getStates: () =>
      new Map(
        [...checked.getStates()].map(([id, state]) => [id, { ...state, user: withHexColor(state.user) }]),
      ),
  };
}

/** The binding complains of any colour that is not of six digits. */
function withHexColor(user: unknown): object {
  return typeof user === "object" ? { ...user, color: HEX_COLOR } : {};
}

function renderCaret({ name, hue }: Record<string, unknown>): HTMLElement {
  const caret = document.createElement("span");
  caret.className = "rich-caret";
  caret.dataset.hue = String(hue);
  const flag = document.createElement("span");
  flag.className = "rich-caret-name";
  flag.textContent = String(name);
  caret.append(flag);
  return caret;
}
