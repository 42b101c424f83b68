import type { OwnTopic } from "@plexline/server";
import { createStreamHandle, type StreamHandle, type StreamHandleOptions } from "../client/handle.ts";
import { createProducer, type StreamProducer, type StreamProducerOptions } from "../producer/producer.ts";
import { type CreateInput, type CreateOutput, STREAM_COMMAND } from "../protocol.ts";
import { createOwnTransport } from "./own-transport.ts";

/**
 * A stream as the server's own code uses it: `app.stream("run", { id })`. Everything that writes goes through one producer,
 * which attaches with the first of it under a random id; `producer` makes one with an id of the application's.
 *
 * @example
 * const run = app.stream("run", { id: "42" });
 * run.onCancel(() => abort.abort());
 * await run.pipe(tokens);
 * await run.done({ answer: 42 });
 */
export interface StreamApi<Chunk = unknown>
  extends Pick<
    StreamProducer<Chunk>,
    | "append"
    | "pipe"
    | "flush"
    | "close"
    | "done"
    | "fail"
    | "detach"
    | "onRequest"
    | "onCancel"
    | "onSteer"
    | "onRespond"
  > {
  /** Asks the readers for input; resolves with the first answer. */
  readonly requestInput: StreamProducer<Chunk>["ask"];
  /** Creates the stream with a kind, a life or metadata of its own, unless it is there. */
  create(input?: CreateInput): Promise<CreateOutput>;
  /** Deletes it with all its chunks; readers are told. */
  delete(): Promise<void>;
  /** Another producer of the stream. */
  producer(options: StreamProducerOptions): StreamProducer<Chunk>;
  /** Reads it. */
  read<State = never>(options?: StreamHandleOptions<State>): StreamHandle<Chunk, State>;
}

const PRODUCER_ID_BYTES = 9;

/** What `app.stream(…)` returns for a topic. */
export function createStreamApi<Chunk = unknown>(topic: OwnTopic): StreamApi<Chunk> {
  const transport = createOwnTransport(topic);
  let made: StreamProducer<Chunk> | null = null;
  const own = () => {
    made ??= createProducer<Chunk>(transport, { id: `server-${topic.random.id(PRODUCER_ID_BYTES)}` });
    return made;
  };
  return {
    append: (...chunks) => own().append(...chunks),
    pipe: (source) => own().pipe(source),
    flush: () => own().flush(),
    close: (final) => own().close(final),
    done: (result) => own().done(result),
    fail: (error) => own().fail(error),
    // Nothing was written: there is nothing to let go of.
    detach: async () => made?.detach(),
    onRequest: (handler) => own().onRequest(handler),
    onCancel: (handler) => own().onCancel(handler),
    onSteer: (handler) => own().onSteer(handler),
    onRespond: (handler) => own().onRespond(handler),
    requestInput: (prompt, options) => own().ask(prompt, options),
    create: async (input = {}) => (await transport.call(STREAM_COMMAND.create, input)) as CreateOutput,
    delete: async () => void (await transport.call(STREAM_COMMAND.delete)),
    producer: (options) => createProducer<Chunk>(transport, options),
    read: (options) => createStreamHandle(transport, options),
  };
}
