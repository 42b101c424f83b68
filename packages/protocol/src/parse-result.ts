import {
  optional,
  readArray,
  readBoolean,
  readFields,
  readInteger,
  readNullable,
  readPresent,
  readString,
} from "./field.ts";
import type { CallResult, PublishResult, SubscribeResult } from "./message.ts";
import { readPosition } from "./parse.ts";
import { parseTopic } from "./topic.ts";

// What a reply carries depends on what was asked, which only the asking side knows: `result` is parsed there.

const readSubscribeResult = readFields<SubscribeResult>({
  topic: parseTopic,
  alias: readInteger,
  role: readString,
  operations: readArray(readString),
  position: readNullable(readPosition),
  head: readInteger,
  recovered: readBoolean,
  snapshot: optional(readPresent),
});
const readPublishResult = readFields<PublishResult>({
  position: readNullable(readPosition),
  repeated: optional(readBoolean),
});
const readCallResult = readFields<CallResult>({
  output: optional(readPresent),
  repeated: optional(readBoolean),
});

/** Takes the `result` of the reply to a `subscribe`. Throws MALFORMED_MESSAGE or TOPIC_INVALID naming the field. */
export function parseSubscribeResult(value: unknown): SubscribeResult {
  return readSubscribeResult(value, "result");
}

/** Takes the `result` of the reply to a `publish`. Throws MALFORMED_MESSAGE naming the field. */
export function parsePublishResult(value: unknown): PublishResult {
  return readPublishResult(value, "result");
}

/** Takes the `result` of the reply to a `call`. Throws MALFORMED_MESSAGE naming the field. */
export function parseCallResult(value: unknown): CallResult {
  return readCallResult(value, "result");
}
