import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import type { WireRow, WireRows, WireText } from "../session/wire-rows.ts";
import { appendWireRow, clearWire, EMPTY_WIRE } from "../session/wire-rows.ts";

export type Direction = WireRow["direction"];
/** One WebSocket message, as it travels. */
export type Frame = string | Uint8Array;

export interface FrameLog {
  readonly wire: ReadonlySignal<WireRows>;
  clearWire(): void;
  /** A WebSocket like any other, whose messages are listed. Providers take it as their polyfill. */
  readonly Socket: typeof WebSocket;
}

/** Lists what travels over the sockets that are opened with its class; `describe` says what a message is. */
export function createFrameLog(describe: (frame: Frame, direction: Direction) => WireText): FrameLog {
  const wire = signal(EMPTY_WIRE);
  const add = (direction: Direction, data: unknown) => {
    const frame = frameOf(data);
    if (frame === null) return;
    const entry = { direction, atMs: Date.now(), ...describe(frame, direction) };
    wire.value = appendWireRow(wire.value, entry);
  };
  class ListedSocket extends WebSocket {
    constructor(url: string | URL, protocols?: string | string[]) {
      super(url, protocols);
      this.addEventListener("message", ({ data }) => add("in", data));
    }
    override send(data: string | BufferSource | Blob): void {
      add("out", data);
      super.send(data);
    }
  }
  return {
    wire,
    clearWire() {
      wire.value = clearWire(wire.value);
    },
    Socket: ListedSocket,
  };
}

function frameOf(data: unknown): Frame | null {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  return data instanceof ArrayBuffer ? new Uint8Array(data) : null;
}
