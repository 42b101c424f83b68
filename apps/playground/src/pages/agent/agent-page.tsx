import "../../styles/agent.css";
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { PaneSwitch } from "../../pane/pane-switch.tsx";
import { RestartButton } from "../../pane/restart-button.tsx";
import { ShareHint } from "../../pane/share-hint.tsx";
import type { Side } from "../../session/identity.ts";
import { identityOf } from "../../session/identity.ts";
import { createServerRestart, type ServerRestart } from "../../session/server-restart.ts";
import { isAbsent } from "./model/reading.ts";
import { createRunSession, type RunSession } from "./model/run-session.ts";
import { RunPane } from "./pane/run-pane.tsx";
import { RunStart } from "./pane/run-start.tsx";

interface Opened {
  readonly a: RunSession;
  readonly b: RunSession;
  readonly restart: ServerRestart;
}

/** Two users who watch one run of an agent, each over a transport of their choice. */
export function AgentPage({ subject }: { subject: string }) {
  const [opened, setOpened] = useState<Opened | null>(null);
  const shown = useSignal<Side>("a");

  useEffect(() => {
    const next = open(subject);
    setOpened(next);
    return () => {
      for (const each of [next.restart, next.a, next.b]) each.close();
    };
  }, [subject]);

  if (!opened) return null;
  const { a, b, restart } = opened;
  return (
    <div class="page-body agent-page" data-shown={shown.value}>
      <ShareHint
        hashKey="run"
        subject={subject}
        title="One run, any transport."
        text="Change the transport, reload, restart the server while it writes: no word is lost or doubled."
      >
        <RestartButton restart={restart} />
      </ShareHint>
      <RunStart run={subject} absent={isAbsent(a.reading.value) || isAbsent(b.reading.value)} />
      <PaneSwitch
        shown={shown}
        panes={[
          { side: "a", name: a.person.name, state: a.status.value.state },
          { side: "b", name: b.person.name, state: b.status.value.state },
        ]}
      />
      <div class="panes">
        <RunPane side="a" session={a} />
        <RunPane side="b" session={b} />
      </div>
    </div>
  );
}

function open(run: string): Opened {
  const a = createRunSession(identityOf("a"), run, "a", "native");
  const b = createRunSession(identityOf("b"), run, "b", "sse");
  return { a, b, restart: createServerRestart([a, b]) };
}
