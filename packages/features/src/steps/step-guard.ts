import { PlexlineError, utf8Bytes } from "@plexline/protocol";
import { guardJson, isPlainObject } from "../encoding/json-guard.ts";
import type { StepsLimits } from "./options.ts";
import { STEP_TYPE_LENGTH_MAX, type StepJson } from "./protocol.ts";

/** A step that has passed the guard. */
export interface GuardedStep {
  readonly step: StepJson;
  /** The same as text. */
  readonly json: string;
}

const FIX_TOO_DEEP = "Flatten the content, or raise depthMax in the document's definition.";

/**
 * Checks the steps of a submit [SP12]. Nothing is known of them but that they are JSON of a bounded size and depth, with a
 * `stepType`. Throws a PlexlineError that names the step and what is wrong with it.
 *
 * @example
 * guardSteps([{ stepType: "replace", from: 1, to: 2 }], DEFAULT_STEPS_LIMITS)[0].json;
 */
export function guardSteps(steps: unknown, limits: StepsLimits): readonly GuardedStep[] {
  const { submitStepsMax, submitBytesMax } = limits;
  if (!Array.isArray(steps) || steps.length < 1 || steps.length > submitStepsMax)
    throw invalid(`steps must be an array of 1 to ${submitStepsMax} steps.`);
  let bytes = 0;
  const guarded: GuardedStep[] = [];
  for (let index = 0; index < steps.length; index += 1) {
    const step = guardStep(steps[index], `steps[${index}]`, limits);
    bytes += utf8Bytes(step.json);
    if (bytes > submitBytesMax)
      throw tooLarge("The steps of the submit have", submitBytesMax, "submitBytesMax");
    guarded.push(step);
  }
  return guarded;
}

function guardStep(step: unknown, field: string, { depthMax, stepBytesMax }: StepsLimits): GuardedStep {
  if (!isPlainObject(step)) throw invalid(`${field} must be an object.`);
  guardJson(step, field, { depthMax, fix: FIX_TOO_DEEP });
  const { stepType } = step;
  if (typeof stepType !== "string" || stepType === "" || stepType.length > STEP_TYPE_LENGTH_MAX)
    throw invalid(`${field}.stepType must be a string of 1 to ${STEP_TYPE_LENGTH_MAX} characters.`);
  const json = JSON.stringify(step);
  if (utf8Bytes(json) > stepBytesMax) throw tooLarge(`${field} has`, stepBytesMax, "stepBytesMax");
  return { step: step as StepJson, json };
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message });
}

function tooLarge(what: string, bytesMax: number, setting: keyof StepsLimits): PlexlineError {
  return new PlexlineError("MESSAGE_TOO_LARGE", {
    message: `${what} more than ${bytesMax} bytes of JSON.`,
    fix: `Submit less at once, or raise ${setting} in the document's definition.`,
  });
}
