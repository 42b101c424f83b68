import type { Principal, TopicContext } from "@plexline/server";
import type { ClientId, DocumentMode, StepJson } from "./protocol.ts";
import type { GuardedStep } from "./step-guard.ts";

/** Where a document stands. */
export interface Head {
  /** Number of steps. */
  readonly version: number;
  /** Null while nothing has fixed it. */
  readonly mode: DocumentMode | null;
  /** How often the head has been written, which is the version that the storage has given its value. */
  readonly writes: number;
}

/** A step as it is stored. */
export interface StoredStep {
  readonly clientID: ClientId;
  readonly step: StepJson;
}

type Also = NonNullable<Parameters<TopicContext["append"]>[1]>;

const HEAD_KEY = "head";
/** Values that are read at once. */
const READS_MAX = 64;

const NEW: Head = { version: 0, mode: null, writes: 0 };

/** Reads where a document stands: all of it is durable. */
export async function readHead(topic: TopicContext): Promise<Head> {
  const value = await topic.get(HEAD_KEY);
  return value === undefined ? NEW : (JSON.parse(decode(value)) as Head);
}

/** What replaces a head, on the condition that it is still the one that was read. */
export function replaceHead(head: Head, next: Omit<Head, "writes">): Required<Pick<Also, "puts" | "checks">> {
  const value = encode(JSON.stringify({ ...next, writes: head.writes + 1 }));
  return {
    checks: [{ key: HEAD_KEY, version: head.writes }],
    puts: [{ key: HEAD_KEY, value }],
  };
}

/** The values of steps that begin at a version: one each, so that a version is an address. */
export function stepPuts(version: number, clientID: ClientId, steps: readonly GuardedStep[]) {
  return steps.map(({ json }, index) => ({
    key: stepKey(version + index),
    value: encode(stepText(clientID, json)),
  }));
}

/**
 * The steps from a version up to, but not including, another one, oldest first, as text; read some at a time, as they are
 * asked for.
 */
export async function* readStepTexts(
  topic: TopicContext,
  from: number,
  until: number,
): AsyncGenerator<string> {
  for (let first = from; first < until; first += READS_MAX) {
    const count = Math.min(READS_MAX, until - first);
    const values = await Promise.all(
      Array.from({ length: count }, (_, index) => topic.get(stepKey(first + index))),
    );
    for (const [index, value] of values.entries()) {
      if (value === undefined) throw new Error(`The step at version ${first + index} is missing.`);
      yield decode(value);
    }
  }
}

/** What a step's stored text says. */
export function parseStepText(text: string): StoredStep {
  return JSON.parse(text) as StoredStep;
}

/** Whether the document has these steps of this client at this version [SP4]. */
export async function holdsSteps(
  topic: TopicContext,
  head: Head,
  version: number,
  clientID: ClientId,
  steps: readonly GuardedStep[],
): Promise<boolean> {
  const until = version + steps.length;
  if (until > head.version) return false;
  let index = 0;
  for await (const text of readStepTexts(topic, version, until)) {
    if (text !== stepText(clientID, steps[index]?.json ?? "")) return false;
    index += 1;
  }
  return true;
}

/** The user that a client id belongs to; undefined while it is nobody's [SP5]. */
export async function readOwner(topic: TopicContext, clientID: ClientId): Promise<string | undefined> {
  const value = await topic.get(ownerKey(clientID));
  return value && decode(value);
}

/** What gives a client id to a user, on the condition that it is still nobody's. */
export function giveToOwner(clientID: ClientId, owner: string): Required<Pick<Also, "puts" | "checks">> {
  const key = ownerKey(clientID);
  return { checks: [{ key, version: 0 }], puts: [{ key, value: encode(owner) }] };
}

/** Whom a client id may belong to: ids of users and of services may be alike. */
export function ownerOf({ kind, id }: Principal): string {
  return `${kind}/${id}`;
}

function stepKey(version: number): string {
  return `step/${version}`;
}

/** One key for all client ids that an editor takes for the same: it compares numbers and strings with `==`. */
function ownerKey(clientID: ClientId): string {
  const number = Number(clientID);
  return `client/${Number.isNaN(number) ? clientID : number}`;
}

function stepText(clientID: ClientId, json: string): string {
  return `{"clientID":${JSON.stringify(clientID)},"step":${json}}`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
