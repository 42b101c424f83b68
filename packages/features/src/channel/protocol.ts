import type { PresenceMember } from "@plexline/protocol";

// The wire of the channel feature; PROTOCOL.md beside this file describes it. Channels add no message types of their
// own: what is theirs are the names of reserved events, the `input` of a subscribe and the `snapshot` of its reply.

/** The event that carries the channel's last state. Publishing it replaces the state. */
export const STATE_EVENT = "$state";

/** `input` of a `subscribe` to a channel. */
export interface ChannelInput {
  /** The newcomer's presence; without it they watch unseen until they set one. */
  readonly presence?: unknown;
}

/** The channel's last state, with who set it and when. */
export interface ChannelState {
  readonly payload: unknown;
  readonly user?: string;
  readonly atMs: number;
}

/** `snapshot` of the reply to a `subscribe`. */
export interface ChannelSnapshot {
  /** Absent when none has been set, or the channel keeps none. */
  readonly state?: ChannelState;
  /** Absent when the channel has no presence. */
  readonly members?: readonly PresenceMember[];
}

/** The types of one channel definition, inferred from its schemas; the client's handle is typed by them. */
export interface ChannelTypes {
  readonly events: Record<string, unknown>;
  readonly ephemeral: Record<string, unknown>;
  readonly presence: unknown;
  readonly state: unknown;
}
