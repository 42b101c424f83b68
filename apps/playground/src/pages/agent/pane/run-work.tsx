import type { Reading } from "../model/reading.ts";

/** How far the run is, and what it does now. */
export function RunProgress({ reading }: { reading: Reading }) {
  const { state, ended } = reading;
  if (!state?.progress && !state?.statusText) return null;
  const { progress, statusText } = state;
  return (
    <div class="run-progress" data-testid="progress">
      <p>
        {!ended && <span>{statusText}</span>}
        <span class="run-step">{progress?.step ?? ""}</span>
      </p>
      <progress
        max={progress?.total ?? 1}
        value={progress?.done ?? 0}
        aria-label="Progress of the run"
        data-state={state.status}
      />
    </div>
  );
}

/** What the run has others do. */
export function ToolCalls({ reading }: { reading: Reading }) {
  const tools = reading.state?.tools ?? [];
  if (tools.length === 0) return null;
  return (
    <ul class="run-tools" aria-label="Tool calls" data-testid="tools">
      {tools.map(({ id, name, state, input, output, error }) => (
        <li key={id} data-state={state}>
          <span class="tool-state" data-state={state}>
            {state}
          </span>
          <code class="tool-call">
            {name}({textOf(input)})
          </code>
          <code class="tool-result">{textOf(error ?? output)}</code>
        </li>
      ))}
    </ul>
  );
}

function textOf(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value);
}
