// The wire of the steps feature; PROTOCOL.md beside this file describes it.

/** The events of a steps document, and its commands. */
export const STEPS_EVENT = "steps";
export const CLAIMED_EVENT = "claimed";
export const SUBMIT_COMMAND = "submit";
export const SINCE_COMMAND = "since";
export const CLAIM_COMMAND = "claim";

/** Longest client id that is a string, and longest `stepType`, in characters. */
export const CLIENT_ID_LENGTH_MAX = 64;
export const STEP_TYPE_LENGTH_MAX = 64;

/** What `prosemirror-collab` calls `clientID`: an editor knows its own steps by it. */
export type ClientId = string | number;

/** A step as `step.toJSON()` makes it. */
export interface StepJson {
  readonly stepType: string;
  readonly [field: string]: unknown;
}

/** What a document is edited with. */
export type DocumentMode = "steps" | "yjs";

/** Consecutive steps: payload of the event `steps`. */
export interface StepsRun {
  /** Version that the first of them builds on. */
  readonly version: number;
  readonly steps: readonly StepJson[];
  /** Who made each of them. */
  readonly clientIDs: readonly ClientId[];
}

/** Input of the command `submit`: what `sendableSteps` gives, with its steps as JSON. */
export interface SubmitInput {
  readonly version: number;
  readonly steps: readonly StepJson[];
  readonly clientID: ClientId;
  /** Epoch that the version is of, so that one of another epoch is not taken for it. */
  readonly epoch?: string;
}

/** Its output. */
export interface SubmitOutput {
  /** False: `version` was not the head. */
  readonly accepted: boolean;
  /** The document had these steps already. */
  readonly repeated?: true;
  /** Version of the document now. */
  readonly head: number;
  readonly epoch: string;
}

/** Input of the command `since`. */
export interface SinceInput {
  readonly version: number;
  readonly epoch?: string;
}

/** Its output: a page of steps; there is more if it ends below `head`. */
export interface SinceOutput extends StepsRun {
  readonly head: number;
  readonly epoch: string;
}

/** Input and output of the command `claim`, and payload of the event `claimed`. */
export interface ModeClaim {
  readonly mode: DocumentMode;
}

/** `snapshot` of the reply to a `subscribe`. */
export interface StepsSnapshot {
  readonly head: number;
  /** Absent while nothing has fixed it. */
  readonly mode?: DocumentMode;
}
