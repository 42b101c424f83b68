/** What can be piped into a stream. */
export type ChunkSource<Chunk> = AsyncIterable<Chunk> | Iterable<Chunk> | ReadableStream<Chunk>;

/** The values of a source; whoever stops early ends the source. */
export async function* valuesOf<Chunk>(source: ChunkSource<Chunk>): AsyncGenerator<Chunk, void> {
  if (Symbol.asyncIterator in source || Symbol.iterator in source) {
    yield* source as AsyncIterable<Chunk>;
    return;
  }
  // Not every browser can iterate over a ReadableStream.
  const reader = (source as ReadableStream<Chunk>).getReader();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        isDone = true;
        return;
      }
      yield value;
    }
  } finally {
    if (!isDone) await reader.cancel();
    reader.releaseLock();
  }
}
