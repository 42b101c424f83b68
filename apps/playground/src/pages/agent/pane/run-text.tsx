import { useLayoutEffect, useRef } from "preact/hooks";
import { isAbsent, type Reading } from "../model/reading.ts";

/** So near to the end the text is followed as it grows. */
const NEAR_PX = 48;

/** What the run has put out so far, and what it was told meanwhile. */
export function RunText({ reading, name }: { reading: Reading; name: string }) {
  const box = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  const { state, ended } = reading;
  const parts = state?.parts ?? [];
  const text = parts.find(({ part }) => part === "")?.content ?? "";
  const notes = parts.filter(({ part }) => part !== "");
  // After each rendering of the pane: what appears around the text makes it smaller.
  useLayoutEffect(() => {
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  const isWriting = state?.status === "running" && !ended;
  return (
    <section
      ref={box}
      class="run-text"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
      tabIndex={0}
      aria-label={`The run's text, as ${name} sees it`}
      aria-busy={isWriting}
      onScroll={({ currentTarget }) => {
        const { scrollHeight, scrollTop, clientHeight } = currentTarget;
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      }}
    >
      {text === "" && notes.length === 0 && (
        <p class="run-empty">{isAbsent(reading) ? "Nobody has started this run yet." : "No text yet."}</p>
      )}
      <p class="run-prose" data-testid="text" data-writing={isWriting}>
        {text}
      </p>
      {notes.map(({ part, content }) => (
        <p key={part} class="run-note" data-testid="note">
          <strong>Noted:</strong> {content}
        </p>
      ))}
      {state?.error && <p class="run-failed">{state.error.message}</p>}
      {state?.truncated && <p class="run-note">The beginning was too long to be kept.</p>}
    </section>
  );
}
