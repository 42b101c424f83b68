import type { ErrorCode } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { StandardSchemaV1 } from "@standard-schema/spec";

/** A schema of any library that speaks Standard Schema: zod, valibot, arktype and others. */
export type Schema = StandardSchemaV1;

/** Schemas by name. */
export type SchemaMap = Readonly<Record<string, Schema>>;

/** Longest description of a schema's issue that goes back to a client, in characters. */
const ISSUE_LENGTH_MAX = 300;

/**
 * What a schema makes of an untrusted value; anything goes without one. Throws `code` naming the field that does not
 * fit, e.g. `events.moved.x: expected number`.
 *
 * @param subject How the value is called in errors: `events.moved`.
 */
export async function validate(
  schema: Schema | undefined,
  value: unknown,
  subject: string,
  code: ErrorCode = "PAYLOAD_INVALID",
): Promise<unknown> {
  if (schema === undefined) return value;
  let result: StandardSchemaV1.Result<unknown>;
  try {
    result = await schema["~standard"].validate(value);
  } catch (cause) {
    throw new PlexlineError("HANDLER_FAILED", { message: `The schema of ${subject} failed.`, cause });
  }
  const issue = result.issues?.[0];
  if (result.issues === undefined) return result.value;
  const field = [subject, ...(issue?.path ?? []).map(segmentName)].join(".");
  const text = `${field}: ${issue?.message ?? "does not fit its schema"}`;
  throw new PlexlineError(code, { message: text.slice(0, ISSUE_LENGTH_MAX) });
}

function segmentName(segment: PropertyKey | StandardSchemaV1.PathSegment): string {
  return String(typeof segment === "object" ? segment.key : segment);
}
