import type { PlexlineError } from "@plexline/protocol";
import type { RunTransport, TransportPolicy } from "../policy/transport-policy.ts";
import type { HandoverReason } from "./leg.ts";
import type { WireMessage } from "./wire.ts";

/**
 * An event of a run, the same over every transport: its fields beside `type`, e.g. `{ type: "agent:partial", sessionId, cursor,
 * content }`. SESSION.md lists the types.
 */
export interface RunReaderEvent extends WireMessage {
  readonly sessionId: string;
  /** Who gives it as `cursor` is given what follows. */
  readonly cursor: string;
}

/** What was to follow cannot be had any more; the run's snapshot comes next. */
export interface RunReaderGap {
  readonly reason: "trimmed" | "reset";
}

/** A reader reads over another transport now. */
export interface TransportChange {
  /** Null at the beginning. */
  readonly from: RunTransport | null;
  readonly to: RunTransport;
  /** Null at the beginning. */
  readonly reason: HandoverReason | null;
}

/** How a reader stands. */
export type RunReaderStatus =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** An iteration is slower than the run: nothing is taken from the wire until it has caught up. */
  | { readonly state: "paused" }
  /** The run is closed, and all of it has been told; or the reader was closed here. */
  | { readonly state: "closed" }
  | { readonly state: "failed"; readonly error: PlexlineError };

/** What a reader tells. */
export interface RunReaderEvents {
  /** Each event once and in order, a snapshot among them for those who come without a cursor, or after a gap. */
  event: RunReaderEvent;
  gap: RunReaderGap;
  transport: TransportChange;
  policy: TransportPolicy;
  status: RunReaderStatus;
  /** The run is closed: nothing follows. */
  close: undefined;
  /** It has ended for this reason. */
  error: PlexlineError;
}
