import { useEffect, useRef } from "preact/hooks";
import { createDocumentEditor, type DocumentEditor } from "./editor-view.ts";
import type { EditedText } from "./shared-text.ts";

/** Where this user writes. */
export function Editor(props: { edited: EditedText; label: string; readOnly?: boolean }) {
  const { edited, label, readOnly = false } = props;
  const frame = useRef<HTMLDivElement>(null);
  const editor = useRef<DocumentEditor | null>(null);
  useEffect(() => {
    if (!frame.current) return;
    const created = createDocumentEditor(frame.current, edited, label);
    editor.current = created;
    return () => created.close();
  }, [edited, label]);
  useEffect(() => editor.current?.setReadOnly(readOnly), [readOnly]);
  return <div ref={frame} class="editor" />;
}
