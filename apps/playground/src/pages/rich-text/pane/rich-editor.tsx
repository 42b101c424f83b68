import type { Editor } from "@tiptap/core";
import { useEffect, useRef, useState } from "preact/hooks";
import type { DocumentLine } from "../../../editing/document-line.ts";
import { createRichEditor } from "./rich-editor-view.ts";
import { Toolbar } from "./toolbar.tsx";

/** Where this user writes, and the buttons for what letters cannot say. */
export function RichEditor(props: { line: DocumentLine; label: string; readOnly: boolean }) {
  const { line, label, readOnly } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [editor, setEditor] = useState<Editor | null>(null);
  useEffect(() => {
    if (!frame.current) return;
    const created = createRichEditor(frame.current, line, label);
    setEditor(created);
    return () => {
      setEditor(null);
      created.destroy();
    };
  }, [line, label]);
  useEffect(() => editor?.setEditable(!readOnly), [editor, readOnly]);
  return (
    <>
      {editor && <Toolbar editor={editor} label={`Format: ${label}`} disabled={readOnly} />}
      <div ref={frame} class="rich-editor" />
    </>
  );
}
