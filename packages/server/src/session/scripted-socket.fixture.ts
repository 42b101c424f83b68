import type { UpgradeRequest } from "../platform/request.ts";
import type { Socket, SocketHandlers } from "./socket.ts";

/** A socket whose other end is the test. It has always read ahead: pausing it holds nothing back. */
export interface ScriptedSocket {
  readonly socket: Socket;
  readonly request: UpgradeRequest;
  /** The text messages that were sent, parsed. */
  readonly sent: readonly Readonly<Record<string, unknown>>[];
  readonly closes: readonly number[];
  /** Whether it is paused, and every change of that. */
  readonly isPaused: boolean;
  readonly turns: readonly ("pause" | "resume")[];
  /** The largest messages it was told to accept, in turn. */
  readonly bytesMax: readonly number[];
  receive(data: string | Uint8Array | object): void;
  /** The connection is gone. */
  end(code?: number): void;
}

export function createScriptedSocket(): ScriptedSocket {
  let handlers: SocketHandlers | undefined;
  const sent: Record<string, unknown>[] = [];
  const closes: number[] = [];
  const turns: ("pause" | "resume")[] = [];
  const bytesMax: number[] = [];
  return {
    sent,
    closes,
    turns,
    bytesMax,
    get isPaused() {
      return turns.at(-1) === "pause";
    },
    receive(data) {
      const isRaw = typeof data === "string" || data instanceof Uint8Array;
      handlers?.onMessage(isRaw ? data : JSON.stringify(data));
    },
    end: (code = 1006) => handlers?.onClose(code, ""),
    request: {
      method: "GET",
      path: "/ws",
      query: new URLSearchParams(),
      headers: {},
      subprotocols: [],
      remoteAddress: "127.0.0.1",
      params: {},
    },
    socket: {
      bufferedBytes: 0,
      send: (data) => void (typeof data === "string" && sent.push(JSON.parse(data))),
      ping() {},
      close: (code) => void closes.push(code),
      terminate() {},
      pause: () => void turns.push("pause"),
      resume: () => void turns.push("resume"),
      setMessageBytesMax: (bytes) => void bytesMax.push(bytes),
      attach(taker) {
        handlers = taker;
      },
    },
  };
}
