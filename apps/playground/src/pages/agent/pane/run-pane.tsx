import { ErrorNotice } from "../../../pane/error-notice.tsx";
import { PaneHead } from "../../../pane/pane-head.tsx";
import { WireLog } from "../../../pane/wire-log.tsx";
import type { Side } from "../../../session/identity.ts";
import { isAbsent, type Reading } from "../model/reading.ts";
import type { RunSession } from "../model/run-session.ts";
import { Asks } from "./asks.tsx";
import { RunControls } from "./run-controls.tsx";
import { RunFacts } from "./run-facts.tsx";
import { RunText } from "./run-text.tsx";
import { RunProgress, ToolCalls } from "./run-work.tsx";
import { TransportSwitch } from "./transport-switch.tsx";

/** One user's view of the run. */
export function RunPane({ side, session }: { side: Side; session: RunSession }) {
  const nameId = `pane-${side}-name`;
  const reading = session.reading.value;
  const { state } = session.status.value;
  const trouble = session.trouble.value;
  const refusal = session.refusal.value;
  return (
    <section class="pane" data-side={side} data-testid={`pane-${side}`} aria-labelledby={nameId}>
      <PaneHead id={nameId} person={session.person}>
        <p class="badge" data-testid="status" data-state={state}>
          <i class="dot" data-state={state} />
          <span>{state === "ended" ? "all read" : state}</span>
        </p>
        <RunBadge reading={reading} />
      </PaneHead>
      <TransportSwitch side={side} session={session} />
      <div class="notices">
        {trouble && state === "failed" && (
          <ErrorNotice title="Not read any more" error={trouble}>
            <button type="button" class="button" onClick={session.reopen}>
              Try again
            </button>
          </ErrorNotice>
        )}
        {trouble && state !== "failed" && <ErrorNotice title="Trying again" error={trouble} quiet />}
        {refusal && <ErrorNotice title="That did not work" error={refusal} />}
      </div>
      <RunProgress reading={reading} />
      <ToolCalls reading={reading} />
      <RunText reading={reading} name={session.person.name} />
      <Asks reading={reading} respond={session.respond} />
      <RunControls session={session} />
      <RunFacts reading={reading} wayInUse={session.wayInUse.value} />
      <WireLog line={session} side={side} />
    </section>
  );
}

function RunBadge({ reading }: { reading: Reading }) {
  const status = statusOf(reading);
  return (
    <p class="badge" data-testid="run-status" data-state={status}>
      <span role="status">{status}</span>
      {reading.state?.producer === "lost" && !reading.ended && (
        <span class="badge-detail">producer lost</span>
      )}
    </p>
  );
}

function statusOf(reading: Reading): string {
  if (isAbsent(reading)) return "not started";
  return reading.state?.status ?? "unknown";
}
