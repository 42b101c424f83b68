import type { WebSocket } from "ws";
import type { ReadingTurns } from "./reading-turns.ts";

/** The receiving side of one connection. */
export interface SocketReader {
  pause(): void;
  resume(): void;
  /** Nothing is delivered any more; reading goes on, so that the peer's close frame is seen. */
  stop(): void;
  /** The peer is gone: calls `onDone` once what had waited for its turn is delivered, at once if nothing did. */
  finish(onDone: () => void): void;
}

/**
 * Delivers messages unless paused, as far as the turn of the event loop has time. What came in one network chunk is
 * parsed to its end even after a pause, so that rest is held, bounded by the size of a chunk, and delivered first.
 */
export function createSocketReader(
  ws: WebSocket,
  turns: ReadingTurns,
  deliver: (data: string | Uint8Array) => void,
): SocketReader {
  let state: "reading" | "paused" | "stopped" = "reading";
  let held: (string | Uint8Array)[] = [];
  /** It has been put off to a later turn. The socket is not read meanwhile. */
  let isWaiting = false;
  let lastTurn = -1;
  let onDone: (() => void) | null = null;

  ws.on("message", (data, isBinary) => {
    if (state === "stopped") return;
    const bytes = data as Buffer; // the binaryType of `ws` stays its default, nodebuffer
    const message = isBinary ? bytes : bytes.toString("utf8");
    if (state === "reading" && !isWaiting && mayDeliver()) {
      deliver(message);
      return;
    }
    held.push(message);
    if (state === "reading") wait();
  });

  function isReading(): boolean {
    return state === "reading";
  }

  function mayDeliver(): boolean {
    if (lastTurn === turns.number) return turns.hasTime();
    turns.enter();
    lastTurn = turns.number;
    return true;
  }

  function wait(): void {
    if (isWaiting) return;
    isWaiting = true;
    ws.pause();
    turns.wait(goOn);
  }

  function goOn(): void {
    isWaiting = false;
    if (isReading()) deliverHeld();
    else done();
  }

  /** A message may pause or end the connection: what is left then waits, or is gone. */
  function deliverHeld(): void {
    while (held.length > 0 && isReading()) {
      if (!mayDeliver()) {
        wait();
        return;
      }
      deliver(held.shift()!);
    }
    if (isReading()) ws.resume();
    done();
  }

  function done(): void {
    if (onDone === null) return;
    const callback = onDone;
    onDone = null;
    state = "stopped";
    held = [];
    callback();
  }

  return {
    pause() {
      if (state !== "reading") return;
      state = "paused";
      ws.pause();
    },
    resume() {
      if (state !== "paused") return;
      state = "reading";
      if (!isWaiting) deliverHeld();
    },
    stop() {
      if (state === "paused" || isWaiting) ws.resume();
      state = "stopped";
      held = [];
      done();
    },
    finish(callback) {
      onDone = callback;
      // Whoever is paused for a reason of his own is not waited for.
      if (!isWaiting || !isReading()) this.stop();
    },
  };
}
