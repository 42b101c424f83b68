import { PlexlineError } from "@plexline/protocol";
import type { StepsLimits } from "./options.ts";
import { CLIENT_ID_LENGTH_MAX, type ClientId, type DocumentMode, type SinceInput } from "./protocol.ts";
import { type GuardedStep, guardSteps } from "./step-guard.ts";

/** A `submit` that has been read. */
export interface Submit {
  readonly version: number;
  readonly steps: readonly GuardedStep[];
  readonly clientID: ClientId;
  readonly epoch: string | undefined;
}

const EPOCH_LENGTH_MAX = 64;
/** Control characters, and halves of characters, of which several are stored as the same bytes. */
const UNFIT_CHARACTER = /[\p{Cc}\p{Cs}]/u;

/** Reads the input of `submit`; throws a PlexlineError that names what does not fit [SP12]. */
export function parseSubmit(input: unknown, limits: StepsLimits): Submit {
  const fields = fieldsOf(input, "{ version, steps, clientID }");
  return {
    version: parseVersion(fields.version),
    clientID: parseClientId(fields.clientID),
    epoch: parseEpoch(fields.epoch),
    steps: guardSteps(fields.steps, limits),
  };
}

/** Reads the input of `since`; throws PAYLOAD_INVALID. */
export function parseSince(input: unknown): SinceInput {
  const fields = fieldsOf(input, "{ version }");
  const epoch = parseEpoch(fields.epoch);
  return { version: parseVersion(fields.version), ...(epoch === undefined ? {} : { epoch }) };
}

/** Reads the input of `claim`; throws PAYLOAD_INVALID. */
export function parseClaim(input: unknown): DocumentMode {
  const { mode } = fieldsOf(input, '{ mode: "yjs" }');
  if (mode !== "steps" && mode !== "yjs") throw invalid('mode must be "steps" or "yjs".');
  return mode;
}

function fieldsOf(input: unknown, shape: string): Readonly<Record<string, unknown>> {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw invalid(`input must be an object: ${shape}.`);
  return input as Readonly<Record<string, unknown>>;
}

function parseVersion(version: unknown): number {
  if (typeof version === "number" && Number.isSafeInteger(version) && version >= 0) return version;
  throw invalid("version must be a whole number of at least 0.");
}

function parseClientId(clientID: unknown): ClientId {
  if (typeof clientID === "number" && Number.isSafeInteger(clientID)) return clientID;
  const isFit =
    typeof clientID === "string" &&
    clientID !== "" &&
    clientID.length <= CLIENT_ID_LENGTH_MAX &&
    !UNFIT_CHARACTER.test(clientID);
  if (isFit) return clientID;
  throw invalid(
    `clientID must be a whole number or 1 to ${CLIENT_ID_LENGTH_MAX} characters without control characters.`,
  );
}

function parseEpoch(epoch: unknown): string | undefined {
  if (epoch === undefined || (typeof epoch === "string" && epoch.length <= EPOCH_LENGTH_MAX)) return epoch;
  throw invalid(`epoch must be a string of at most ${EPOCH_LENGTH_MAX} characters.`);
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message });
}
