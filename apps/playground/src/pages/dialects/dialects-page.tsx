import "../../styles/dialects.css";
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { type DocumentLine, hasUnsaved } from "../../editing/document-line.ts";
import { type EditedText, textOf } from "../../editing/shared-text.ts";
import { PaneSwitch } from "../../pane/pane-switch.tsx";
import { RestartButton } from "../../pane/restart-button.tsx";
import { ShareHint } from "../../pane/share-hint.tsx";
import type { Side } from "../../session/identity.ts";
import { identityOf } from "../../session/identity.ts";
import { createServerRestart, type ServerRestart } from "../../session/server-restart.ts";
import { DIALECTS, type Dialect } from "./model/dialects.ts";
import { Comparison } from "./pane/comparison.tsx";
import { DialectPane } from "./pane/dialect-pane.tsx";

interface OpenedLine {
  readonly dialect: Dialect;
  readonly line: DocumentLine;
  readonly edited: EditedText;
}

interface Opened {
  readonly lines: readonly OpenedLine[];
  readonly restart: ServerRestart;
}

/** One document over five wires, side by side: each pane is a user whose client speaks its own. */
export function DialectsPage({ subject }: { subject: string }) {
  const [opened, setOpened] = useState<Opened | null>(null);
  const [opening, setOpening] = useState(1);
  const shown = useSignal<Side>("a");

  useEffect(() => {
    const next = open(subject);
    setOpened(next);
    const keepUnsaved = (event: BeforeUnloadEvent) => {
      if (next.lines.some(({ line }) => hasUnsaved(line))) event.preventDefault();
    };
    window.addEventListener("beforeunload", keepUnsaved);
    return () => {
      window.removeEventListener("beforeunload", keepUnsaved);
      next.restart.close();
      for (const { line } of next.lines) line.close();
    };
  }, [subject, opening]);

  if (!opened) return null;
  const { lines, restart } = opened;
  return (
    <div class="page-body dialects-page" data-shown={shown.value}>
      <ShareHint
        hashKey="dialects"
        subject={subject}
        title="Five wires, one document."
        text="Each pane is a client of its own protocol. Disconnect one, write in it, and connect it again."
      >
        <RestartButton restart={restart} />
      </ShareHint>
      <PaneSwitch
        shown={shown}
        panes={lines.map(({ dialect, line }) => ({
          side: dialect.side,
          name: dialect.name,
          state: line.status.value.state,
        }))}
      />
      <div class="panes">
        {lines.map(({ dialect, line, edited }) => (
          <DialectPane
            key={dialect.side}
            dialect={dialect}
            line={line}
            edited={edited}
            name={subject}
            reopen={() => setOpening(opening + 1)}
          />
        ))}
        <Comparison />
      </div>
    </div>
  );
}

function open(subject: string): Opened {
  const lines = DIALECTS.map((dialect) => {
    const line = dialect.open(identityOf(dialect.side), subject);
    return { dialect, line, edited: { text: textOf(line.doc), awareness: line.awareness } };
  });
  return { lines, restart: createServerRestart(lines.map(({ line }) => line)) };
}
