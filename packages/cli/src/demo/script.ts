import { paragraph } from "./prose.ts";

/** What the readers are asked in the middle, and what is taken for an answer. */
export const VOICE = {
  id: "voice",
  prompt: "How should the last part be told?",
  choices: ["plainly", "as a letter", "as a warning"],
  /** When nobody answers. */
  otherwise: "plainly",
} as const;

/** Id of the tool call. */
export const SURVEY = "survey";

const PARAGRAPHS = 6;
/** Paragraphs before the tool call, and before the question. */
const SURVEY_AFTER = 2;
const ASK_AFTER = 4;
const SENTENCES = 4;
const OPENINGS: Readonly<Record<string, string>> = {
  plainly: "So, told plainly.",
  "as a letter": "Dear reader, this is what I would write to you.",
  "as a warning": "Take this as a warning.",
};

/** A demonstration run: what it says is decided by its seed, and by the readers' answer. */
export interface Script {
  /** All it says, paragraph by paragraph. */
  readonly paragraphs: readonly string[];
  readonly surveyAfter: number;
  readonly askAfter: number;
}

/**
 * The script of a run. What comes before the question does not depend on the answer.
 *
 * @param voice What the readers answered; anything that is none of the choices is told as the readers put it.
 */
export function createScript(seed: number, voice: string): Script {
  const paragraphs = Array.from({ length: PARAGRAPHS }, (_, index) => {
    const text = paragraph(seed * PARAGRAPHS + index, SENTENCES);
    const opening = index === ASK_AFTER ? `${OPENINGS[voice] ?? `Told ${voice}, then.`} ` : "";
    return `${opening}${text}${index === PARAGRAPHS - 1 ? "" : "\n\n"}`;
  });
  return { paragraphs, surveyAfter: SURVEY_AFTER, askAfter: ASK_AFTER };
}

/** What a run with this seed and this answer says altogether. */
export function textOfRun(seed: number, voice: string): string {
  return createScript(seed, voice).paragraphs.join("");
}

/** Cuts text into what a model would put out at once: a word with what precedes it. */
export function tokensOf(text: string): readonly string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}
