import "../../styles/rich-text.css";
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { type DocumentLine, hasUnsaved } from "../../editing/document-line.ts";
import { createHocuspocusLine } from "../../editing/hocuspocus-line.ts";
import { PaneSwitch } from "../../pane/pane-switch.tsx";
import { RestartButton } from "../../pane/restart-button.tsx";
import { ShareHint } from "../../pane/share-hint.tsx";
import type { Side } from "../../session/identity.ts";
import { identityOf } from "../../session/identity.ts";
import { createServerRestart, type ServerRestart } from "../../session/server-restart.ts";
import { RichTextPane } from "./pane/rich-text-pane.tsx";

const SIDES = ["a", "b"] as const;

interface Opened {
  readonly lines: readonly DocumentLine[];
  readonly restart: ServerRestart;
}

/** Two users of one rich text: TipTap, and the Hocuspocus provider as it is published. */
export function RichTextPage({ subject }: { subject: string }) {
  const [opened, setOpened] = useState<Opened | null>(null);
  const [opening, setOpening] = useState(1);
  const shown = useSignal<Side>("a");

  useEffect(() => {
    const lines = SIDES.map((side) => createHocuspocusLine(identityOf(side), subject));
    const restart = createServerRestart(lines);
    setOpened({ lines, restart });
    const keepUnsaved = (event: BeforeUnloadEvent) => {
      if (lines.some(hasUnsaved)) event.preventDefault();
    };
    window.addEventListener("beforeunload", keepUnsaved);
    return () => {
      window.removeEventListener("beforeunload", keepUnsaved);
      restart.close();
      for (const line of lines) line.close();
    };
  }, [subject, opening]);

  if (!opened) return null;
  const panes = opened.lines.map((line, index) => ({ side: SIDES[index] ?? "a", line }));
  return (
    <div class="page-body rich-text-page" data-shown={shown.value}>
      <ShareHint
        hashKey="rich"
        subject={subject}
        title="Two users, one rich text."
        text="TipTap and the Hocuspocus provider, as they are published. Any other browser at this address joins them."
      >
        <RestartButton restart={opened.restart} />
      </ShareHint>
      <PaneSwitch
        shown={shown}
        panes={panes.map(({ side, line }) => ({
          side,
          name: line.person.name,
          state: line.status.value.state,
        }))}
      />
      <div class="panes">
        {panes.map(({ side, line }) => (
          <RichTextPane key={side} side={side} line={line} reopen={() => setOpening(opening + 1)} />
        ))}
      </div>
    </div>
  );
}
