import { type ErrorBody, PlexlineError } from "@plexline/protocol";
import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { goTo } from "../../../location-hash.ts";
import { ErrorNotice } from "../../../pane/error-notice.tsx";
import { randomHex } from "../../../session/random-hex.ts";
import { beginRun } from "../model/begin-run.ts";

const SEED_MAX = 999_999;
const PACES = [
  { value: 5, name: "5 words/s" },
  { value: 20, name: "20 words/s" },
  { value: 60, name: "60 words/s" },
] as const;

/** Begins a run: this one, if nobody has yet, else another one. */
export function RunStart({ run, absent }: { run: string; absent: boolean }) {
  const busy = useSignal(false);
  const error = useSignal<ErrorBody | null>(null);
  const seed = useRef<HTMLInputElement>(null);
  const pace = useRef<HTMLSelectElement>(null);
  const begin = async (event: Event) => {
    event.preventDefault();
    if (busy.value) return;
    busy.value = true;
    error.value = null;
    const id = absent ? run : `run-${randomHex(3)}`;
    try {
      const wishes = { seed: Number(seed.current?.value), tokensPerSecond: Number(pace.current?.value) };
      await beginRun({ id, ...wishes });
      if (id !== run) goTo("run", id);
    } catch (reason) {
      error.value = PlexlineError.from(reason).toBody();
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="run-start">
      <form onSubmit={begin} aria-label="Start a run">
        <label>
          Seed
          <input
            ref={seed}
            type="number"
            name="seed"
            data-testid="seed"
            min={0}
            max={SEED_MAX}
            step={1}
            required
            defaultValue={String(Number.parseInt(randomHex(2), 16) % 1_000)}
            title="The same seed writes the same text."
          />
        </label>
        <label>
          Pace
          <select ref={pace} name="pace" data-testid="pace" defaultValue="20">
            {PACES.map(({ value, name }) => (
              <option key={value} value={value} selected={value === 20}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="button button-primary" data-testid="start" aria-disabled={busy.value}>
          {absent ? "Start this run" : "Start another"}
        </button>
        <p class="run-start-note">
          The text is made in the server, without a model or a network. Halfway it asks a question.
        </p>
      </form>
      {error.value && <ErrorNotice title="The run was not started" error={error.value} />}
    </div>
  );
}
