import type { Duplex } from "node:stream";
import type { WebSocket } from "ws";
import type { Clock } from "../platform/clock.ts";
import { createTokenBucket } from "../platform/token-bucket.ts";
import type { Socket, SocketHandlers } from "../session/socket.ts";
import { type CloseReason, trimCloseReason } from "./close-reason.ts";
import type { TransportLimits } from "./limits.ts";
import type { ReadingTurns } from "./reading-turns.ts";
import { limitReceiver, messageTooLarge } from "./receiver-limits.ts";
import { createSocketReader } from "./socket-reader.ts";
import { createSocketWriter } from "./socket-writer.ts";

const OPEN = 1;
const FLOODED: CloseReason = { code: 4529, reason: "RATE_LIMITED: too many ping or pong frames." };
const UNATTACHED: SocketHandlers = { onMessage() {}, onPong() {}, onFlushed() {}, onClose() {} };

function ignore(): void {}

export interface WebSocketSocketOptions {
  /** The stream under the WebSocket, as the HTTP server handed it over. */
  readonly stream: Duplex;
  readonly clock: Clock;
  readonly limits: TransportLimits;
  /** Shared by all connections of a server. */
  readonly turns: ReadingTurns;
  /** False leaves all sending to `ws`. Default true. */
  readonly writesRaw?: boolean | undefined;
}

/**
 * A socket over a WebSocket that is open. `onClose` reports why the connection ended: the code this side closed with,
 * otherwise the peer's, 1005 if it gave none, 1006 if it was cut. `ws` cuts a peer that does not answer a close within
 * its `closeTimeout`, which the caller sets.
 */
export function createWebSocketSocket(ws: WebSocket, options: WebSocketSocketOptions): Socket {
  const { stream, limits } = options;
  let handlers = UNATTACHED;
  let ended: CloseReason | null = null;
  let messageBytesMax = limits.messageBytesMax;

  const receiver = limitReceiver(ws, {
    ...limits,
    onRefused: end,
    onPeerClosing: () => writer.stop(),
  });
  // The receiver refuses larger messages before they have arrived; this is for one that could not be told.
  if (!receiver.isLimited) {
    ws.on("message", (data) => {
      if ((data as Buffer).length > messageBytesMax) cut(messageTooLarge(messageBytesMax));
    });
  }
  const reader = createSocketReader(ws, options.turns, (data) => handlers.onMessage(data));
  const writer = createSocketWriter(ws, {
    stream,
    // Without the inside of `ws` it would not be known at once that the peer closes.
    writesRaw: options.writesRaw !== false && receiver.isKnown,
    onFlushed() {
      if (ended === null) handlers.onFlushed();
    },
  });

  /** Closes for a reason of this side, the first of which counts. */
  function end(close: CloseReason): void {
    if (ended !== null || ws.readyState !== OPEN) return;
    const reason = trimCloseReason(close.reason);
    writer.stop();
    ws.close(close.code, reason);
    ended = { code: close.code, reason };
    reader.stop();
  }

  /** As `end`, for a peer that misbehaves: what it goes on to send is thrown away unread, as `ws` does for bad frames. */
  function cut(close: CloseReason): void {
    if (ended !== null || ws.readyState !== OPEN) return;
    end(close);
    stream.removeAllListeners("data");
    stream.resume();
    stream.end();
  }

  guardControlFrames(ws, options, () => cut(FLOODED));
  guardHalfClose(ws, options);
  stream.once("end", writer.stop); // `ws` ends its side too
  stream.once("close", writer.stop);
  ws.on("pong", () => {
    if (ended === null) handlers.onPong();
  });
  ws.on("error", ignore); // every error is followed by a close, which tells more
  ws.once("close", (code: number, reason: Buffer) => {
    writer.stop();
    // What the peer sent before it closed counts, even if it had to wait for its turn.
    reader.finish(() => {
      ended ??= { code, reason: reason.toString() };
      handlers.onClose(ended.code, ended.reason);
    });
  });

  return {
    get bufferedBytes() {
      return writer.bufferedBytes;
    },
    send: writer.send,
    sendAll: writer.sendAll,
    ping() {
      if (ws.readyState === OPEN) ws.ping();
    },
    close: (code, reason) => end({ code, reason }),
    terminate() {
      ended ??= { code: 1006, reason: "" };
      writer.stop();
      reader.stop();
      ws.terminate();
    },
    pause: reader.pause,
    resume: reader.resume,
    setMessageBytesMax(bytes) {
      messageBytesMax = bytes;
      receiver.setMessageBytesMax(bytes);
    },
    attach(taker) {
      handlers = taker;
    },
  };
}

function guardControlFrames(ws: WebSocket, options: WebSocketSocketOptions, onFlood: () => void): void {
  const { clock, limits } = options;
  const bucket = createTokenBucket(limits.controlFrames, clock.monotonicMs());
  const count = () => {
    if (!bucket.take(clock.monotonicMs())) onFlood();
  };
  ws.on("ping", count);
  ws.on("pong", count);
}

/** A peer that ends its side without a close frame and does not read what is left would keep the socket for ever. */
function guardHalfClose(ws: WebSocket, options: WebSocketSocketOptions): void {
  options.stream.once("end", () => {
    const deadline = options.clock.setTimer(() => ws.terminate(), options.limits.closeTimeoutMs);
    ws.once("close", () => deadline.cancel());
  });
}
