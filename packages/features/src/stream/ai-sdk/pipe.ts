import { PlexlineError } from "@plexline/protocol";
import type { UIMessageChunk } from "ai";
import type { StreamProducer } from "../producer/producer.ts";
import type { ChunkSource } from "../producer/source.ts";

/** What writes a response: a producer, or `app.stream(…)` in the server's own process. */
export type PipedProducer = Pick<StreamProducer<unknown>, "append" | "pipe" | "close" | "fail"> &
  Partial<Pick<StreamProducer<unknown>, "attached">>;

export interface PipeOptions {
  /** Makes void what others have written of the response. Default: for a producer of a later generation than the first. */
  readonly startOver?: boolean;
}

/**
 * Writes a response of the AI SDK into a stream and closes it. An error of the source is told to the readers as the last chunk;
 * rejects if the producer itself cannot go on.
 *
 * @example
 * await pipeUIMessageStream(app.stream("run", { id }), streamText({ model, messages }).toUIMessageStream());
 */
export async function pipeUIMessageStream(
  producer: PipedProducer,
  source: ChunkSource<UIMessageChunk>,
  { startOver }: PipeOptions = {},
): Promise<void> {
  const isLater = async () => producer.attached !== undefined && (await producer.attached).generation > 0;
  if (startOver ?? (await isLater())) await producer.append({ type: "reset" });
  try {
    await producer.pipe(source);
  } catch (error) {
    // The producer's own failures are of this kind; the source's are the application's.
    if (error instanceof PlexlineError) throw error;
    await producer.fail(error);
    return;
  }
  await producer.close();
}
