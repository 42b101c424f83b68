import type { ChainedCommands, Editor } from "@tiptap/core";
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

interface Tool {
  readonly name: string;
  readonly title: string;
  readonly face: ComponentChildren;
  /** Null for what is done once and does not stay. */
  readonly isOn: ((editor: Editor) => boolean) | null;
  readonly run: (chain: ChainedCommands) => ChainedCommands;
}

const TOOLS: readonly Tool[] = [
  {
    name: "bold",
    title: "Bold",
    face: <b>B</b>,
    isOn: (editor) => editor.isActive("bold"),
    run: (chain) => chain.toggleBold(),
  },
  {
    name: "italic",
    title: "Italic",
    face: <em>I</em>,
    isOn: (editor) => editor.isActive("italic"),
    run: (chain) => chain.toggleItalic(),
  },
  {
    name: "strike",
    title: "Strike through",
    face: <s>S</s>,
    isOn: (editor) => editor.isActive("strike"),
    run: (chain) => chain.toggleStrike(),
  },
  {
    name: "code",
    title: "Code",
    face: <code>{"<>"}</code>,
    isOn: (editor) => editor.isActive("code"),
    run: (chain) => chain.toggleCode(),
  },
  {
    name: "heading",
    title: "Heading",
    face: "H",
    isOn: (editor) => editor.isActive("heading", { level: 2 }),
    run: (chain) => chain.toggleHeading({ level: 2 }),
  },
  {
    name: "bullet-list",
    title: "Bullet list",
    face: "•",
    isOn: (editor) => editor.isActive("bulletList"),
    run: (chain) => chain.toggleBulletList(),
  },
  {
    name: "ordered-list",
    title: "Numbered list",
    face: "1.",
    isOn: (editor) => editor.isActive("orderedList"),
    run: (chain) => chain.toggleOrderedList(),
  },
  {
    name: "quote",
    title: "Quote",
    face: "”",
    isOn: (editor) => editor.isActive("blockquote"),
    run: (chain) => chain.toggleBlockquote(),
  },
  { name: "undo", title: "Undo", face: "↶", isOn: null, run: (chain) => chain.undo() },
  { name: "redo", title: "Redo", face: "↷", isOn: null, run: (chain) => chain.redo() },
];

/** Marks and blocks at the press of a button; each is a button of its own for the Tab key. */
export function Toolbar({ editor, label, disabled }: { editor: Editor; label: string; disabled: boolean }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    const read = () => redraw((count) => count + 1);
    editor.on("transaction", read);
    return () => {
      editor.off("transaction", read);
    };
  }, [editor]);
  return (
    <div class="toolbar" role="toolbar" aria-label={label}>
      {TOOLS.map(({ name, title, face, isOn, run }) => (
        <button
          key={name}
          type="button"
          class="tool"
          data-testid={`tool-${name}`}
          title={title}
          aria-label={title}
          aria-pressed={isOn ? isOn(editor) : undefined}
          disabled={disabled}
          // The selection stays where it is.
          onMouseDown={(event) => event.preventDefault()}
          onClick={() => run(editor.chain().focus()).run()}
        >
          {face}
        </button>
      ))}
    </div>
  );
}
