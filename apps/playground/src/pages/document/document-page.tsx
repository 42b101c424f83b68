import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { PaneSwitch } from "../../pane/pane-switch.tsx";
import { ShareHint } from "../../pane/share-hint.tsx";
import type { Side } from "../../session/identity.ts";
import { identityOf } from "../../session/identity.ts";
import { createDocumentSession, type DocumentSession } from "./model/document-session.ts";
import { createServerRestart, type ServerRestart } from "./model/server-restart.ts";
import { createStockSession, type StockSession } from "./model/stock-session.ts";
import { NativePane } from "./pane/native-pane.tsx";
import { StockPane } from "./pane/stock-pane.tsx";

interface Opened {
  readonly a: DocumentSession;
  readonly b: DocumentSession;
  readonly c: StockSession;
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
      if ([next.a, next.b].some(({ state }) => state.value.save.state !== "saved")) event.preventDefault();
    };
    window.addEventListener("beforeunload", keepUnsaved);
    return () => {
      window.removeEventListener("beforeunload", keepUnsaved);
      for (const each of [next.restart, next.a, next.b, next.c]) each.close();
    };
  }, [subject, opening]);

  if (!opened) return null;
  const { a, b, c, restart } = opened;
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
          { side: "c", name: c.person.name, state: c.status.value },
        ]}
      />
      <div class="panes">
        <NativePane side="a" session={a} reopen={reopen} />
        <NativePane side="b" session={b} reopen={reopen} />
        <StockPane side="c" session={c} name={subject} />
      </div>
    </div>
  );
}

function open(subject: string): Opened {
  const a = createDocumentSession(identityOf("a"), subject);
  const b = createDocumentSession(identityOf("b"), subject);
  const c = createStockSession(identityOf("c"), subject);
  return { a, b, c, restart: createServerRestart([a, b]) };
}

const RESTART_TEXTS = {
  idle: "Restart server",
  restarting: "Restarting…",
  failed: "Restart failed: again?",
} as const;

function RestartButton({ restart }: { restart: ServerRestart }) {
  const state = restart.state.value;
  return (
    <button
      type="button"
      class="button restart"
      data-testid="restart"
      data-state={state}
      aria-disabled={state === "restarting"}
      title="Stops the development server without grace and starts it again. Every pane loses its connection."
      onClick={restart.ask}
    >
      {RESTART_TEXTS[state]}
    </button>
  );
}
