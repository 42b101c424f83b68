// The server halves of the features, for `createServer({ topics })`.

export type { Schema, SchemaMap } from "./channel/schema.ts";
export {
  type ChannelAuthorizeRequest,
  type ChannelFeature,
  type ChannelOptions,
  type ChannelTypes,
  channel,
} from "./channel/server.ts";
export {
  createDocWorker,
  DEFAULT_DOC_LIMITS,
  type DocAuthorizeRequest,
  type DocFeature,
  type DocLimits,
  type DocOptions,
  doc,
} from "./doc/server.ts";
export {
  DEFAULT_STEPS_LIMITS,
  type StepsAuthorizeRequest,
  type StepsFeature,
  type StepsLimits,
  type StepsOptions,
  steps,
} from "./steps/server.ts";
export {
  DEFAULT_STREAM_LIMITS,
  type FoldDefinition,
  type FoldEvent,
  type RunOptions,
  type RunState,
  run,
  runFold,
  type StreamAuthorizeRequest,
  type StreamFeature,
  type StreamLimits,
  type StreamOptions,
  stream,
} from "./stream/server.ts";
