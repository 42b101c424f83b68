import type { ErrorBody } from "@plexline/protocol";
import type { WireRows } from "../../../session/wire-rows.ts";
import type { Told } from "./reading.ts";
import type { Way } from "./transports.ts";

/** How the line to the server stands. */
export type LineState = "connecting" | "connected" | "disconnected" | "failed" | "ended";

/** Is told what happens on a source; nothing after it was closed. */
export interface SourceListener {
  onTold(told: Told): void;
  /** Told again after each reconnect. */
  onState(state: LineState): void;
  /** What it is read over now, which may differ from what was asked for. */
  onWay(way: Way): void;
  /** Why the line is away, or will not come back; null when all is well. */
  onTrouble(error: ErrorBody | null): void;
  /** Something has travelled. */
  onWire(add: (wire: WireRows) => WireRows): void;
}

/** One way to a run: it reads, and asks the producer something. What is rejected is a PlexlineError. */
export interface RunSource {
  cancel(reason: string): Promise<unknown>;
  steer(text: string): Promise<unknown>;
  respond(ask: string, data: unknown): Promise<unknown>;
  /** Goes over to another way without losing its place; null where that takes another source. */
  switchTo(way: Way): Promise<void> | null;
  /** Cuts the line as a failing network would; it comes back by itself. */
  readonly drop: (() => void) | null;
  close(): void;
}
