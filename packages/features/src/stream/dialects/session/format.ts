import type { ToldEvent } from "../../run/run-event.ts";

/** Renderings of a run for clients that know the format of its chunks and nothing of runs. */
export type FormatName = "raw" | "ai-sdk" | "ag-ui";

/** A chunk with its place. */
export interface PlacedChunk {
  readonly value: unknown;
  readonly cursor: string;
}

/** What a format keeps of one run. */
export interface FormatRun {
  /** Says which chunks there are, in any order and also twice. */
  note(chunk: PlacedChunk): void;
  /** What is told when the run is closed; null for nothing. */
  atClose(cursor: string): string | null;
  /** What is told when its producer is lost, after which the body ends; null if it goes on. */
  atLoss(cursor: string): string | null;
}

/** How chunks of one format are told to its own clients. Pure. */
export interface StreamFormat {
  /** Headers beside those of all event streams. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether a run that is not there is waited for; otherwise there is nothing to read, 204. */
  readonly waits: boolean;
  /**
   * Both as one, where a client that is given the one is left in the same state as by the two; null where it is not. Late
   * joiners are given a run like this.
   */
  merge(before: unknown, after: unknown): unknown | null;
  open(): FormatRun;
}

/** The chunk as it was appended, of an event that is one. */
export function chunkOf({ type, data }: ToldEvent): unknown {
  return type === "chunk" ? data.value : { type, ...data };
}

/** Whether two chunks say more of the same: of this type, about the same id, and with nothing else in them. */
export interface DeltaRule {
  /** The field that says what it is about. */
  readonly id: string;
  readonly delta: string;
}

/** Merges by rules for types whose texts are strung together. */
export function mergeDeltas(
  rules: Readonly<Record<string, DeltaRule>>,
  before: unknown,
  after: unknown,
): unknown | null {
  const [first, second] = [fieldsOf(before), fieldsOf(after)];
  if (!first || !second || first.type !== second.type || typeof first.type !== "string") return null;
  const rule = Object.hasOwn(rules, first.type) ? rules[first.type] : undefined;
  if (!rule || first[rule.id] !== second[rule.id]) return null;
  const [head, tail] = [first[rule.delta], second[rule.delta]];
  const isPlain = (fields: object) => Object.keys(fields).every((name) => isPart(name, rule));
  if (typeof head !== "string" || typeof tail !== "string" || !isPlain(first) || !isPlain(second))
    return null;
  return { ...first, [rule.delta]: head + tail };
}

function isPart(name: string, { id, delta }: DeltaRule): boolean {
  return name === "type" || name === id || name === delta;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return value as Readonly<Record<string, unknown>>;
}
