import { PlexlineError, parseTopic } from "@plexline/protocol";
import { isObject, isPrincipalId, isTenant, PRINCIPAL_ID_LENGTH_MAX } from "./principal-parser.ts";

/** Who may do what with one topic. */
export interface ResourceRecord {
  readonly topic: string;
  readonly tenant: string;
  /** Lowest clearance that may see the topic at all. */
  readonly clearance: number;
  /** User who owns the topic; null for those of the application itself. */
  readonly owner: string | null;
  readonly editors: readonly string[];
  readonly viewers: readonly string[];
  /** Members of the tenant who are not named get in by their token's role. */
  readonly openToTenant: boolean;
}

/** Most editors and viewers of one record, together; larger groups are the application's own `authorize`. */
export const RECORD_MEMBERS_MAX = 1_000;

/**
 * Takes a record from untrusted input. `topic`, `tenant` are required; without more the clearance is 0, nobody is named
 * and the topic is not open. Throws PAYLOAD_INVALID or TOPIC_INVALID, naming the field.
 *
 * @example
 * parseRecord({ topic: "doc:plan", tenant: "acme", owner: "ada", viewers: ["bob"] });
 */
export function parseRecord(value: unknown): ResourceRecord {
  if (!isObject(value)) throw invalid("The record must be an object.");
  const { tenant, clearance = 0, owner = null, openToTenant = false } = value;
  const topic = parseTopic(value.topic, "topic");
  if (!isTenant(tenant)) throw invalid("tenant must be 1 to 64 of the characters A-Z a-z 0-9 _ . -");
  if (typeof clearance !== "number" || !Number.isFinite(clearance))
    throw invalid("clearance must be a number.");
  if (owner !== null && !isPrincipalId(owner)) throw invalid("owner must be a user's id or null.");
  if (typeof openToTenant !== "boolean") throw invalid("openToTenant must be true or false.");
  const editors = parseMembers("editors", value.editors);
  const viewers = parseMembers("viewers", value.viewers);
  if (editors.length + viewers.length > RECORD_MEMBERS_MAX) throw tooMany();
  return Object.freeze({ topic, tenant, clearance, owner, editors, viewers, openToTenant });
}

function parseMembers(field: string, value: unknown): readonly string[] {
  if (value === undefined) return Object.freeze([]);
  if (!Array.isArray(value)) throw invalid(`${field} must be a list of user ids.`);
  if (value.length > RECORD_MEMBERS_MAX) throw tooMany();
  const members: readonly unknown[] = value;
  if (!members.every(isPrincipalId)) {
    throw invalid(`${field} must hold ids of 1 to ${PRINCIPAL_ID_LENGTH_MAX} printable characters.`);
  }
  return Object.freeze([...new Set(members)]);
}

function tooMany(): PlexlineError {
  return invalid(`editors and viewers may have at most ${RECORD_MEMBERS_MAX} entries together.`);
}

function invalid(message: string): PlexlineError {
  return new PlexlineError("PAYLOAD_INVALID", { message });
}
