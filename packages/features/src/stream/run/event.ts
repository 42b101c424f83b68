// The chunks of a run; RUN.md describes them.

/** What the run is doing. */
export interface RunStatus {
  readonly type: "status";
  /** `queued`, `running`, `waiting` or a word of the application's. */
  readonly status: string;
  readonly text?: string;
}

/** Some of the output: text to append. */
export interface RunPartial {
  readonly type: "partial";
  readonly content: string;
  /** Id of the message that it belongs to. Default `""`. */
  readonly part?: string;
}

/** A tool call and what came of it. */
export interface RunTool {
  readonly type: "tool";
  readonly id: string;
  readonly name: string;
  readonly state: "called" | "done" | "failed";
  readonly input?: unknown;
  readonly output?: unknown;
  readonly error?: unknown;
}

/** How far it is. */
export interface RunProgress {
  readonly type: "progress";
  readonly done: number;
  readonly total?: number;
  readonly step?: string;
  readonly text?: string;
}

/** The run has ended well. */
export interface RunDone {
  readonly type: "done";
  readonly result?: unknown;
}

/** The run has failed. */
export interface RunError {
  readonly type: "error";
  readonly code?: string;
  readonly message: string;
}

/** Output is void: a successor does it again. */
export interface RunReset {
  readonly type: "reset";
  /** This part; otherwise what was output since the last `status`. */
  readonly part?: string;
}

export type RunEvent = RunStatus | RunPartial | RunTool | RunProgress | RunDone | RunError | RunReset;

type Fields = Readonly<Record<string, unknown>>;
/** Fields of an event: those that it must have, and those that it may have. */
type Rule = readonly [required: Readonly<Record<string, Check>>, optional: Readonly<Record<string, Check>>];
type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && Number.isFinite(value);
const isAnything: Check = () => true;
const isToolState: Check = (value) => value === "called" || value === "done" || value === "failed";

const RULES: Readonly<Record<RunEvent["type"], Rule>> = {
  status: [{ status: isText }, { text: isText }],
  partial: [{ content: isText }, { part: isText }],
  tool: [
    { id: isText, name: isText, state: isToolState },
    { input: isAnything, output: isAnything, error: isAnything },
  ],
  progress: [{ done: isNumber }, { total: isNumber, step: isText, text: isText }],
  done: [{}, { result: isAnything }],
  error: [{ message: isText }, { code: isText }],
  reset: [{}, { part: isText }],
};

/** The event that a chunk is; null if it is none that is known, or lacks a field, or has one of another type. */
export function parseRunEvent(chunk: unknown): RunEvent | null {
  if (typeof chunk !== "object" || chunk === null || Array.isArray(chunk)) return null;
  const fields = chunk as Fields;
  if (typeof fields.type !== "string" || !Object.hasOwn(RULES, fields.type)) return null;
  const [required, optional] = RULES[fields.type as RunEvent["type"]];
  for (const [name, isFit] of Object.entries(required)) if (!isFit(fields[name])) return null;
  for (const [name, isFit] of Object.entries(optional))
    if (fields[name] !== undefined && !isFit(fields[name])) return null;
  return chunk as RunEvent;
}
