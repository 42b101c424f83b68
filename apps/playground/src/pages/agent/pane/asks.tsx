import { useRef } from "preact/hooks";
import type { Reading } from "../model/reading.ts";

type Respond = (ask: string, data: unknown) => void;

/** What the run wants to know, for whoever answers first, and what was answered. */
export function Asks({ reading, respond }: { reading: Reading; respond: Respond }) {
  const asks = reading.state?.asks ?? [];
  const last = reading.answers.at(-1);
  return (
    <>
      {asks.map(({ id, prompt, schema }) => (
        <section key={id} class="run-ask" data-testid="ask" aria-label="The run asks">
          <p role="alert">{typeof prompt === "string" ? prompt : JSON.stringify(prompt)}</p>
          <Answers choices={choicesOf(schema)} answer={(data) => respond(id, data)} />
        </section>
      ))}
      {last && (
        <p class="run-answered" data-testid="answered">
          {last.isDeclined ? "The question was declined." : "Answered: "}
          {!last.isDeclined && <strong>{textOf(last.data)}</strong>}
        </p>
      )}
    </>
  );
}

function Answers({ choices, answer }: { choices: readonly string[]; answer: (data: string) => void }) {
  const input = useRef<HTMLInputElement>(null);
  if (choices.length > 0) {
    return (
      <div class="run-choices">
        {choices.map((choice) => (
          <button
            key={choice}
            type="button"
            class="button"
            data-testid="answer"
            data-answer={choice}
            onClick={() => answer(choice)}
          >
            {choice}
          </button>
        ))}
      </div>
    );
  }
  const send = (event: Event) => {
    event.preventDefault();
    if (input.current?.value) answer(input.current.value);
  };
  return (
    <form class="run-line" onSubmit={send}>
      <input ref={input} class="run-input" aria-label="Answer" maxLength={280} autocomplete="off" />
      <button type="submit" class="button">
        Answer
      </button>
    </form>
  );
}

/** The run may be of another program, with a schema of its own. */
function choicesOf(schema: unknown): readonly string[] {
  if (typeof schema !== "object" || schema === null || !("enum" in schema)) return [];
  const { enum: choices } = schema;
  return Array.isArray(choices) && choices.every((choice) => typeof choice === "string") ? choices : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
