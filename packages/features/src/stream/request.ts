import { isPlainObject } from "../encoding/json-guard.ts";
import { boolean, type Fields, fieldsOf, id, invalid, text, whole } from "./input-field.ts";
import { assertJson } from "./json-value.ts";
import { CONTENT_TYPES, LEASE_MS_MAX, LEASE_MS_MIN, type StreamLimits } from "./options.ts";
import type {
  AppendInput,
  AttachInput,
  CancelInput,
  CreateInput,
  DescribeInput,
  InputRequest,
  ProducerInput,
  ProducerSequence,
  RequestOutcome,
  RespondInput,
  SteerInput,
  StreamKind,
  StreamSubscribeInput,
} from "./protocol.ts";

/** A value of the `close` event, in bytes of JSON [ST12]. */
const FINAL_BYTES_MAX = 4 * 1024;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
const OUTCOMES = ["accepted", "refused", "done", "failed"] as const;

// Each function reads the input of one command, and throws a PlexlineError that names the field that does not fit [ST30].
// Whether values are of the stream's kind is known only when it is decided about them: see `assertKind`.

export function parseSubscribe(input: unknown): StreamSubscribeInput {
  if (input === undefined || input === null) return {};
  const { fold } = fieldsOf(input, "{ fold? }");
  return fold === undefined ? {} : { fold: boolean(fold, "fold") };
}

export function parseCreate(
  input: unknown,
  limits: StreamLimits,
): CreateInput & { readonly values: readonly unknown[] } {
  const fields = input === undefined || input === null ? {} : fieldsOf(input, "{ kind?, values?, … }");
  const { kind, contentType, ttlMs, expiresAtMs, metadata, values, close } = fields;
  if (kind !== undefined && !isKind(kind)) throw invalid('kind must be "json", "text" or "bytes".');
  if (ttlMs !== undefined && expiresAtMs !== undefined)
    throw invalid("ttlMs and expiresAtMs exclude each other.");
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(contentType === undefined ? {} : { contentType: text(contentType, "contentType") }),
    ...(ttlMs === undefined ? {} : { ttlMs: whole(ttlMs, "ttlMs", 1) }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs: whole(expiresAtMs, "expiresAtMs") }),
    ...(metadata === undefined ? {} : { metadata: parseMetadata(metadata, limits) }),
    ...(close === undefined ? {} : { close: boolean(close, "close") }),
    values: values === undefined ? [] : chunks(values, limits, 0),
  };
}

export function parseAppend(input: unknown, limits: StreamLimits): AppendInput {
  const fields = fieldsOf(input, "{ values }");
  const { producer, order, contentType, final, existing } = fields;
  const close = fields.close === undefined ? false : boolean(fields.close, "close");
  if (final !== undefined) {
    if (!close) throw invalid("final needs close: true.");
    assertJson(final, "final", Math.min(FINAL_BYTES_MAX, limits.dataBytesMax), "dataBytesMax");
  }
  return {
    values: chunks(fields.values, limits, close ? 0 : 1),
    ...(producer === undefined ? {} : { producer: parseSequence(producer) }),
    ...(order === undefined ? {} : { order: text(order, "order") }),
    ...(contentType === undefined ? {} : { contentType: text(contentType, "contentType") }),
    ...(existing === undefined ? {} : { existing: boolean(existing, "existing") }),
    ...(close ? { close } : {}),
    ...(final === undefined ? {} : { final }),
  };
}

/** One value, published as the event `chunk`. */
export function parseChunk(value: unknown, limits: StreamLimits): AppendInput {
  assertJson(value, "payload", limits.chunkBytesMax, "chunkBytesMax");
  return { values: [value] };
}

/** Checks that values are of a stream's kind; throws PAYLOAD_INVALID. */
export function assertKind(values: readonly unknown[], kind: StreamKind): void {
  if (kind === "json") return;
  const index = values.findIndex(
    (value) =>
      typeof value !== "string" || (kind === "bytes" && (value.length % 4 !== 0 || !BASE64.test(value))),
  );
  if (index === -1) return;
  throw invalid(
    `values[${index}] must be ${kind === "text" ? "a string" : "bytes in base64"}: the stream is of kind ${kind}.`,
  );
}

export function parseAttach(input: unknown): AttachInput {
  const { producer, generation, leaseMs } = fieldsOf(input, "{ producer }");
  return {
    producer: id(producer, "producer"),
    ...(generation === undefined ? {} : { generation: whole(generation, "generation") }),
    ...(leaseMs === undefined ? {} : { leaseMs: whole(leaseMs, "leaseMs", LEASE_MS_MIN, LEASE_MS_MAX) }),
  };
}

export function parseProducer(input: unknown): ProducerInput {
  const { producer, generation } = fieldsOf(input, "{ producer, generation }");
  return { producer: id(producer, "producer"), generation: whole(generation, "generation") };
}

export function parseAsk(input: unknown, { dataBytesMax }: StreamLimits): InputRequest {
  const fields = fieldsOf(input, "{ id, prompt }");
  const { prompt, schema, expiresAtMs } = fields;
  assertJson({ prompt, ...(schema === undefined ? {} : { schema }) }, "prompt", dataBytesMax, "dataBytesMax");
  return {
    id: id(fields.id, "id"),
    prompt,
    ...(schema === undefined ? {} : { schema }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs: whole(expiresAtMs, "expiresAtMs") }),
  };
}

export function parseOutcome(input: unknown, limits: StreamLimits): RequestOutcome {
  const { request, status, data } = fieldsOf(input, "{ request, status }");
  if (!isOutcome(status)) throw invalid(`status must be one of ${OUTCOMES.join(", ")}.`);
  return { request: id(request, "request"), status, ...parseData(data, limits) };
}

export function parseCancel(input: unknown): CancelInput {
  if (input === undefined || input === null) return {};
  const fields = fieldsOf(input, "{ id?, reason? }");
  const { reason } = fields;
  return { ...parseId(fields), ...(reason === undefined ? {} : { reason: text(reason, "reason") }) };
}

export function parseSteer(input: unknown, limits: StreamLimits): SteerInput {
  const fields = fieldsOf(input, "{ data }");
  if (fields.data === undefined) throw invalid("data is missing.");
  return { ...parseId(fields), data: parseData(fields.data, limits).data };
}

export function parseRespond(input: unknown, limits: StreamLimits): RespondInput {
  const fields = fieldsOf(input, "{ ask, data }");
  const { ask, data, status } = fields;
  if (status !== undefined && status !== "declined") throw invalid('status must be "declined".');
  if ((data === undefined) === (status === undefined))
    throw invalid('data must be given, or status "declined" instead.');
  return {
    ...parseId(fields),
    ask: id(ask, "ask"),
    ...parseData(data, limits),
    ...(status === undefined ? {} : { status }),
  };
}

export function parseDescribe(input: unknown, limits: StreamLimits): DescribeInput {
  const { metadata, expected } = fieldsOf(input, "{ metadata }");
  if (expected !== undefined && !isPlainObject(expected)) throw invalid("expected must be an object.");
  return {
    metadata: parseMetadata(metadata, limits),
    ...(expected === undefined ? {} : { expected }),
  };
}

function parseMetadata(metadata: unknown, { dataBytesMax }: StreamLimits): Readonly<Record<string, unknown>> {
  if (!isPlainObject(metadata)) throw invalid("metadata must be an object.");
  assertJson(metadata, "metadata", dataBytesMax, "dataBytesMax");
  return metadata;
}

function parseSequence(producer: unknown): ProducerSequence {
  if (!isPlainObject(producer)) throw invalid("producer must be an object: { id, generation, sequence }.");
  return {
    id: id(producer.id, "producer.id"),
    generation: whole(producer.generation, "producer.generation"),
    sequence: whole(producer.sequence, "producer.sequence"),
  };
}

function parseId(fields: Fields): { readonly id?: string } {
  return fields.id === undefined ? {} : { id: id(fields.id, "id") };
}

function parseData(data: unknown, { dataBytesMax }: StreamLimits): { readonly data?: unknown } {
  if (data === undefined) return {};
  assertJson(data, "data", dataBytesMax, "dataBytesMax");
  return { data };
}

function chunks(values: unknown, { appendChunksMax, chunkBytesMax }: StreamLimits, min: number) {
  if (!Array.isArray(values) || values.length < min || values.length > appendChunksMax)
    throw invalid(`values must be an array of ${min} to ${appendChunksMax} values.`);
  for (let index = 0; index < values.length; index += 1)
    assertJson(values[index], `values[${index}]`, chunkBytesMax, "chunkBytesMax");
  return values as readonly unknown[];
}

function isKind(kind: unknown): kind is StreamKind {
  return typeof kind === "string" && Object.hasOwn(CONTENT_TYPES, kind);
}

function isOutcome(status: unknown): status is RequestOutcome["status"] {
  return (OUTCOMES as readonly unknown[]).includes(status);
}
