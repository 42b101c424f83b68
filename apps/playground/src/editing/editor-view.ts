import { defaultKeymap } from "@codemirror/commands";
import { markdownKeymap, markdownLanguage } from "@codemirror/lang-markdown";
import { HighlightStyle, LanguageSupport, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView, keymap, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { yCollab, yUndoManagerKeymap } from "y-codemirror.next";
import { UndoManager } from "yjs";
import { createCursorAwareness } from "./cursor-awareness.ts";
import type { EditedText } from "./shared-text.ts";
import { plainTextOf, showObjectsAsText } from "./shared-text.ts";

/** Colours come from the style sheet, so that both themes have their own. */
const HIGHLIGHTS = HighlightStyle.define([
  { tag: tags.heading, class: "md-heading" },
  { tag: tags.heading1, class: "md-heading md-heading-1" },
  { tag: tags.strong, class: "md-strong" },
  { tag: tags.emphasis, class: "md-emphasis" },
  { tag: tags.strikethrough, class: "md-strike" },
  { tag: tags.monospace, class: "md-code" },
  { tag: [tags.link, tags.url], class: "md-link" },
  { tag: tags.quote, class: "md-quote" },
  { tag: [tags.processingInstruction, tags.contentSeparator, tags.meta], class: "md-mark" },
]);

const PLACEHOLDER = "Write here. The other panes, and any other browser at this address, see every letter.";

export interface DocumentEditor {
  setReadOnly(readOnly: boolean): void;
  close(): void;
}

/** An editor bound to a shared text: its letters, its cursors, and an undo that takes back only what was written in it. */
export function createDocumentEditor(parent: HTMLElement, edited: EditedText, label: string): DocumentEditor {
  const { text, awareness } = edited;
  const stopObjects = showObjectsAsText(text);
  const undoManager = new UndoManager(text, { trackedOrigins: new Set() });
  const editable = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: plainTextOf(text),
      extensions: [
        // Else a carriage return of another editor would count as one character there and as none here.
        EditorState.lineSeparator.of("\n"),
        EditorView.clipboardInputFilter.of((pasted) => pasted.replace(/\r\n?/g, "\n")),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": label, "data-testid": "editor", spellcheck: "true" }),
        // Tab is not bound: it leaves the editor, as it leaves any other field.
        keymap.of([...yUndoManagerKeymap, ...markdownKeymap, ...defaultKeymap]),
        // Not `markdown()`: it would bring HTML, CSS and JavaScript, three times the size.
        new LanguageSupport(markdownLanguage),
        syntaxHighlighting(HIGHLIGHTS),
        placeholder(PLACEHOLDER),
        editable.of(EditorState.readOnly.of(false)),
        yCollab(text, awareness && createCursorAwareness(awareness), { undoManager }),
      ],
    }),
  });
  return {
    setReadOnly(readOnly) {
      view.dispatch({ effects: editable.reconfigure(EditorState.readOnly.of(readOnly)) });
    },
    close() {
      view.destroy();
      undoManager.destroy();
      stopObjects();
    },
  };
}
