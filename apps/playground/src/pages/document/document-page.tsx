import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { type DocumentLine, hasUnsaved } from "../../editing/document-line.ts";
import { type EditedText, textOf } from "../../editing/shared-text.ts";
import { createYWebsocketLine } from "../../editing/y-websocket-line.ts";
import { PaneSwitch } from "../../pane/pane-switch.tsx";
import { RestartButton } from "../../pane/restart-button.tsx";
import { ShareHint } from "../../pane/share-hint.tsx";
import type { Side } from "../../session/identity.ts";
import { identityOf } from "../../session/identity.ts";
import { createServerRestart, type ServerRestart } from "../../session/server-restart.ts";
import { createDocumentSession, type DocumentSession } from "./model/document-session.ts";
import { NativePane } from "./pane/native-pane.tsx";
import { StockPane } from "./pane/stock-pane.tsx";

interface Opened {
  readonly a: DocumentSession;
  readonly b: DocumentSession;
  readonly c: DocumentLine;
  readonly cText: EditedText;
  readonly restart: ServerRestart;
}

/** Three users of one document, side by side: two over the native wire, one over a provider that knows nothing of it. */
export function DocumentPage({ subject }: { subject: string }) {
  const [opened, setOpened] = useState<Opened | null>(null);
  const [opening, setOpening] = useState(1);
  const shown = useSignal<Side>("a");

  useEffect(() => {
    const next = open(subject);
    setOpened(next);
    const keepUnsaved = (event: BeforeUnloadEvent) => {
      const natives = [next.a, next.b];
      if (hasUnsaved(next.c) || natives.some(({ state }) => state.value.save.state !== "saved"))
        event.preventDefault();
    };
    window.addEventListener("beforeunload", keepUnsaved);
    return () => {
      window.removeEventListener("beforeunload", keepUnsaved);
      for (const each of [next.restart, next.a, next.b, next.c]) each.close();
    };
  }, [subject, opening]);

  if (!opened) return null;
  const { a, b, c, cText, restart } = opened;
  const reopen = () => setOpening(opening + 1);
  return (
    <div class="page-body document-page" data-shown={shown.value}>
      <ShareHint
        hashKey="doc"
        subject={subject}
        title="Three users, one document."
        text="Any other browser at this address joins them. Restart the server meanwhile: what is saved stays."
      >
        <RestartButton restart={restart} />
      </ShareHint>
      <PaneSwitch
        shown={shown}
        panes={[
          { side: "a", name: a.person.name, state: a.status.value.state },
          { side: "b", name: b.person.name, state: b.status.value.state },
          { side: "c", name: c.person.name, state: c.status.value.state },
        ]}
      />
      <div class="panes">
        <NativePane side="a" session={a} reopen={reopen} />
        <NativePane side="b" session={b} reopen={reopen} />
        <StockPane side="c" line={c} edited={cText} name={subject} reopen={reopen} />
      </div>
    </div>
  );
}

function open(subject: string): Opened {
  const a = createDocumentSession(identityOf("a"), subject);
  const b = createDocumentSession(identityOf("b"), subject);
  const c = createYWebsocketLine(identityOf("c"), subject);
  return {
    a,
    b,
    c,
    cText: { text: textOf(c.doc), awareness: c.awareness },
    restart: createServerRestart([a, b]),
  };
}
