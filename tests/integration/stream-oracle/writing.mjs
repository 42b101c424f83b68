// How a writer goes about it, whatever it writes with: chunk after chunk until it is told to stop or the run is over.
import { chunkOf } from "./tokens.mjs";

/** Chunks of one append at most. */
const BURST_MAX = 4;

/** Why a writer has ended in peace. */
export class WriterEnd extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Writes into a run. `pen.append(values)` resolves when they are durable, `pen.close()` when the run is; both reject with a
 * WriterEnd. The order tells `run`, `kind`, `life`, after how many chunks it is to stop, and whether it then closes the run. Facts:
 *   ["acked", run, writer, from, to]   these chunks are durable
 *   ["closed", run, writer]            the run is closed
 *   ["fenced", run, writer]            a successor has come
 *   ["stopped", run, writer]           it was told to stop
 *   ["failed", run, writer, why]       what must not happen
 */
export async function keepWriting(
  { run, kind, life, chunks, closes },
  { pen, random, tell, mayGoOn, onAck },
) {
  const writer = `${kind}-${life}`;
  const inFlight = new Set();
  let failure;
  const track = (append) => {
    const tracked = append.catch((error) => {
      failure ??= error;
    });
    inFlight.add(tracked);
    tracked.finally(() => inFlight.delete(tracked));
  };
  try {
    await pen.begin?.();
    for (let n = 0; mayGoOn() && (chunks === undefined || n < chunks); ) {
      const [from, to] = [n + 1, n + 1 + Math.floor(random() * BURST_MAX)];
      const values = Array.from({ length: to - from + 1 }, (_, index) => chunkOf(writer, from + index));
      track(
        pen.append(values).then(() => {
          tell("acked", run, writer, from, to);
          onAck?.(run);
        }),
      );
      n = to;
      if (inFlight.size >= pen.window) await Promise.race(inFlight);
      if (failure) throw failure;
    }
    await Promise.all(inFlight);
    if (failure) throw failure;
    if (closes) await pen.close();
    tell(closes ? "closed" : "stopped", run, writer);
  } catch (error) {
    if (error instanceof WriterEnd) tell(error.reason, run, writer);
    else tell("failed", run, writer, String(error?.code ?? error?.message ?? error));
  } finally {
    pen.drop?.();
  }
}

/** A producer of ours, over the wire or in the server's own process. */
export function producerPen(producer) {
  const ending = (error) => {
    if (error.name === "ProducerFencedError") throw new WriterEnd("fenced");
    throw error.code === "STREAM_CLOSED" ? new WriterEnd("closed") : error;
  };
  producer.onRequest(({ kind }) => kind);
  return {
    window: 3,
    append: (values) => producer.append(...values).catch(ending),
    close: () => producer.done().catch(ending),
    drop: () => void producer.detach().catch(() => {}),
  };
}
