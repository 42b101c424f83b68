import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import { encodeSharedFrame, encodeSharedFrames } from "./frame.ts";

const OPEN = 1;
/** Below this, compressing costs more than it saves. */
export const COMPRESSED_BYTES_MIN = 1024;

/** The sending side of one connection. */
export interface SocketWriter {
  readonly bufferedBytes: number;
  send(data: string | Uint8Array): void;
  /** See `Socket.sendAll`. */
  sendAll(messages: readonly (string | Uint8Array)[], bufferedBytesMax: number): boolean;
  /** The connection is closing: nothing is sent any more. */
  stop(): void;
}

export interface SocketWriterOptions {
  /** The stream under the WebSocket. */
  readonly stream: Duplex;
  /** Frames messages here and writes them to the stream, if that is safe; otherwise `ws` sends. */
  readonly writesRaw: boolean;
  /** Runs once for each write that reached the peer's transport later than it was made, however many messages it held. */
  readonly onFlushed: () => void;
}

/**
 * The one place that writes messages. They leave in one write per tick: what is sent by itself waits corked for the
 * end of the tick, and what goes to many connections comes as one buffer, framed once for all of them, which costs a
 * fraction of a send of `ws`. Both are safe beside `ws` as long as it does not compress: it writes its own frames
 * (pong, close) to the same stream at once, so the order holds. When it compresses, `ws` sends, because it queues while
 * it deflates; so it does when the stream is not the one that it writes to.
 */
export function createSocketWriter(ws: WebSocket, options: SocketWriterOptions): SocketWriter {
  const { stream, onFlushed } = options;
  const deflates = ws.extensions !== "";
  const writesRaw = options.writesRaw && !deflates && streamOf(ws) === stream;
  let isOpen = true;
  let corked = false;
  let noted = false;
  /** Something was not taken by the operating system at once: somebody may wait for it. */
  let isBehind = false;

  const uncork = () => {
    corked = false;
    stream.uncork();
  };
  const note = () => {
    noted = false;
    if (stream.writableLength === 0) isBehind = false;
    onFlushed();
  };
  // One function for every message of the connection; a write of many calls it many times in a row.
  const onWritten = (error?: Error | null) => {
    if (!isBehind || noted || error) return;
    noted = true;
    process.nextTick(note);
  };

  function send(data: string | Uint8Array): void {
    if (!isOpen || ws.readyState !== OPEN) return;
    isBehind = true;
    if (!corked) {
      corked = true;
      stream.cork();
      process.nextTick(uncork);
    }
    if (!writesRaw) {
      const compress = deflates && data.length >= COMPRESSED_BYTES_MIN;
      ws.send(data, { binary: typeof data !== "string", compress }, onWritten);
      return;
    }
    const frame = encodeSharedFrame(data);
    if (frame.length === 1) {
      stream.write(frame[0], onWritten);
      return;
    }
    stream.write(frame[0]);
    stream.write(frame[1], onWritten);
  }

  /** What the stream holds or is writing, and what `ws` holds while it deflates. */
  function bufferedBytes(): number {
    return writesRaw ? stream.writableLength : ws.bufferedAmount;
  }

  return {
    get bufferedBytes() {
      return bufferedBytes();
    },
    send,
    sendAll(messages, bufferedBytesMax) {
      // A fan-out runs this for every receiver, and nearly all of its time is cache misses: so it looks at this closure
      // before the stream, and at `ws` not at all.
      if (!isOpen || (isBehind ? bufferedBytes() : 0) >= bufferedBytesMax) return false;
      if (writesRaw) {
        // Not corked: nothing else goes to most receivers in this tick, and a cork costs more than it could save.
        stream.write(encodeSharedFrames(messages), onWritten);
        if (stream.writableLength > 0) isBehind = true;
      } else for (const message of messages) send(message);
      return true;
    },
    stop() {
      isOpen = false;
    },
  };
}

/** The stream that `ws` writes to: private, so it is only compared. */
function streamOf(ws: WebSocket): unknown {
  return (ws as unknown as { _socket?: unknown })._socket;
}
