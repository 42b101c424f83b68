import type { TopicName } from "@plexline/client";
import { createStreamHandle, type StreamHandle, type StreamHandleOptions } from "./client/handle.ts";
import { createTransports, type StreamsOptions } from "./client/native.ts";
import { createProducer, type StreamProducer, type StreamProducerOptions } from "./producer/producer.ts";

export type { BufferLimits, StreamEntry } from "./client/chunks.ts";
export type { StreamHandleEvents, StreamLogEvents, StreamMeta, StreamStatus } from "./client/events.ts";
export { StreamGapError } from "./client/gap-error.ts";
export {
  createStreamHandle,
  type StreamHandle,
  type StreamHandleOptions,
} from "./client/handle.ts";
export { createTransports, type StreamsOptions } from "./client/native.ts";
export type { SentRequest } from "./client/sent-request.ts";
export type { AskAnswer, AskOptions } from "./producer/asks.ts";
export { ProducerFencedError, RequestRefused } from "./producer/fenced.ts";
export type { ProducerRequest, RequestHandler } from "./producer/inbox.ts";
export {
  createProducer,
  type ProducerStatus,
  type StreamProducer,
  type StreamProducerOptions,
} from "./producer/producer.ts";
export type { ProducerLimits } from "./producer/queue.ts";
export type { ChunkSource } from "./producer/source.ts";
export type {
  FollowOptions,
  StreamGap,
  StreamLogEvent,
  StreamObserver,
  StreamStart,
  StreamTransport,
} from "./transport.ts";

/** Makes the handles and producers of one client's streams. */
export interface Streams {
  open<Chunk = unknown, State = never>(
    name: TopicName,
    options?: StreamHandleOptions<State>,
  ): StreamHandle<Chunk, State>;
  produce<Chunk = unknown>(name: TopicName, options: StreamProducerOptions): StreamProducer<Chunk>;
}

export function createStreams(options: StreamsOptions): Streams {
  const transportFor = createTransports(options);
  return {
    open: (name, handleOptions) => createStreamHandle(transportFor(name), handleOptions),
    produce: (name, producerOptions) => createProducer(transportFor(name), producerOptions),
  };
}
