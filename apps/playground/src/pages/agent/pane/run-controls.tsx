import { useRef } from "preact/hooks";
import { isAbsent } from "../model/reading.ts";
import type { RunSession } from "../model/run-session.ts";

/** What a reader may ask of whoever writes the run. */
export function RunControls({ session }: { session: RunSession }) {
  const input = useRef<HTMLInputElement>(null);
  const reading = session.reading.value;
  const isOver = reading.ended || reading.position === null || isAbsent(reading);
  const isCancelling = (reading.state?.cancels.length ?? 0) > 0;
  const steer = (event: Event) => {
    event.preventDefault();
    const text = input.current?.value.trim();
    if (!text || !input.current || isOver) return;
    session.steer(text);
    input.current.value = "";
  };
  return (
    <form class="run-line run-controls" onSubmit={steer}>
      <input
        ref={input}
        class="run-input"
        data-testid="steer"
        aria-label="Tell the run something"
        placeholder="Tell the run something…"
        maxLength={280}
        autocomplete="off"
        enterkeyhint="send"
        disabled={isOver}
      />
      <button type="submit" class="button" data-testid="steer-send" disabled={isOver}>
        Steer
      </button>
      <button
        type="button"
        class="button run-cancel"
        data-testid="cancel"
        disabled={isOver || isCancelling}
        title="Asks the agent to stop. Closing this page never does."
        onClick={session.cancel}
      >
        {isCancelling ? "Cancelling…" : "Cancel run"}
      </button>
    </form>
  );
}
