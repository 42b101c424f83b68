// What applications and features use.

export * from "./capability.ts";
export * from "./close-code.ts";
export { closeReason, parseCloseReason } from "./close-reason.ts";
// What carries them: the engine, the client and dialects.
export type { Codec } from "./codec.ts";
export { decodeBinaryMessage, encodeBinaryMessage } from "./codec-binary.ts";
export * from "./codec-json.ts";
export { createClientCodec, createServerCodec } from "./codec-native.ts";
export * from "./error.ts";
export { type ErrorCode, isErrorCode, type RetryAdvice } from "./error-code.ts";
export * from "./error-table.ts";
export type { ErrorText } from "./error-text.ts";
export { type JsonLimits, parseJson } from "./json.ts";
export * from "./limits.ts";
export * from "./message.ts";
export {
  CLIENT_MESSAGE_TYPES,
  parseClientMessage,
  parseServerMessage,
  refOf,
  SERVER_MESSAGE_TYPES,
} from "./parse.ts";
export * from "./parse-result.ts";
export { parsePattern, patternMatches } from "./pattern.ts";
export * from "./position.ts";
export {
  compileTemplate,
  type TemplateParamName,
  type TemplateParams,
  type TopicParams,
  type TopicTemplate,
  templatesOverlap,
} from "./template.ts";
export { isTopic, parseTenant, parseTopic } from "./topic.ts";
export { utf8Bytes } from "./utf8.ts";
export { readVarint, varintBytes, writeVarint } from "./varint.ts";
export * from "./version.ts";
