import type { ServerResponse } from "node:http";
import type { BodySink, BodySinkEvents } from "../session/body-socket.ts";

/** Bytes of what goes to many responses, made once for all of them. */
const shared = new WeakMap<readonly (string | Uint8Array)[], Buffer>();

/**
 * Writes a body to Node's response: a web stream between would cost more than everything else of a small message. What is
 * sent by itself waits corked for the end of the tick, and leaves as one chunk in one write.
 */
export function createResponseSink(outgoing: ServerResponse, events: BodySinkEvents): BodySink {
  let corked = false;
  let noted = false;
  const uncork = () => {
    if (!corked) return;
    corked = false;
    outgoing.uncork();
  };
  const note = () => {
    noted = false;
    events.onFlushed();
  };
  // One function for every write: many of them are told in one go.
  const onWritten = (error?: Error | null) => {
    if (noted || error) return;
    noted = true;
    process.nextTick(note);
  };
  const over = () => events.onOver();
  outgoing.once("finish", over);
  outgoing.once("close", over);
  outgoing.on("error", ignore); // every error is followed by a close
  if (outgoing.destroyed) queueMicrotask(over);

  return {
    get bufferedBytes() {
      return outgoing.writableLength;
    },
    write(data) {
      if (data.length === 0 || outgoing.writableEnded) return;
      if (!corked) {
        corked = true;
        outgoing.cork();
        process.nextTick(uncork);
      }
      outgoing.write(data, onWritten);
    },
    writeAll(messages) {
      const bytes = bytesOf(messages);
      if (bytes.length > 0 && !outgoing.writableEnded) outgoing.write(bytes, onWritten);
    },
    end() {
      // Node 24 forgets what is still corked when a chunked body ends.
      uncork();
      outgoing.end();
    },
    destroy: () => void outgoing.destroy(),
  };
}

function bytesOf(messages: readonly (string | Uint8Array)[]): Buffer {
  const known = shared.get(messages);
  if (known) return known;
  const parts = messages.map((message) => (typeof message === "string" ? Buffer.from(message) : message));
  const bytes = Buffer.concat(parts);
  shared.set(messages, bytes);
  return bytes;
}

function ignore(): void {}
