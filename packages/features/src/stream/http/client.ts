// Producers and readers of streams without a WebSocket: what a worker process or a serverless function imports.

import { createStreamHandle, type StreamHandle, type StreamHandleOptions } from "../client/handle.ts";
import { createProducer, type StreamProducer, type StreamProducerOptions } from "../producer/producer.ts";
import { createHttpTransport, type HttpTransportOptions } from "./transport.ts";

export { StreamGapError } from "../client/gap-error.ts";
export { ProducerFencedError, RequestRefused } from "../producer/fenced.ts";
export { createHttpTransport, type HttpTransportOptions } from "./transport.ts";
export type { StreamHandle, StreamHandleOptions, StreamProducer, StreamProducerOptions };

export type HttpProducerOptions = HttpTransportOptions & StreamProducerOptions;
export type HttpStreamOptions<State = never> = HttpTransportOptions & StreamHandleOptions<State>;

/**
 * Writes a stream of a server from a process of its own, over plain HTTP: the same producer as everywhere, exactly once over
 * lost answers and restarts, with the readers' requests coming to it as events. The server serves `streamsApi()`.
 *
 * @example
 * const producer = createHttpProducer({ url: "https://example.org/api/streams", token, topic: "run:42", id: "agent" });
 * producer.onCancel(() => model.abort());
 * await producer.pipe(tokens);
 * await producer.done();
 */
export function createHttpProducer<Chunk = unknown>(options: HttpProducerOptions): StreamProducer<Chunk> {
  return createProducer<Chunk>(createHttpTransport(options), options);
}

/**
 * Reads a stream over plain HTTP, as `client.stream` does over the WebSocket.
 *
 * @example
 * for await (const chunk of createHttpStream({ url, token, topic: "run:42" })) print(chunk);
 */
export function createHttpStream<Chunk = unknown, State = never>(
  options: HttpStreamOptions<State>,
): StreamHandle<Chunk, State> {
  return createStreamHandle<Chunk, State>(createHttpTransport(options), options);
}
