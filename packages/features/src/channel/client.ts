import type { PublishOptions, Topic, TopicStatus } from "@plexline/client";
import type {
  GapMessage,
  PresenceDiffMessage,
  PresenceMember,
  PublishResult,
  PushMessage,
} from "@plexline/protocol";
import { type ChannelSnapshot, type ChannelState, type ChannelTypes, STATE_EVENT } from "./protocol.ts";

/** A member of a channel's presence, with the state the channel's definition declares. */
export interface ChannelMember<State> extends PresenceMember {
  readonly state: State;
}

/** The channel's last state, with the payload its definition declares. */
export interface ChannelLastState<Payload> extends ChannelState {
  readonly payload: Payload;
}

/** What a publication carries beside its payload. */
export type ChannelMeta = Omit<PushMessage, "type" | "topic" | "event" | "payload"> & {
  /** It is older than the subscribe reply: a publication that was missed. */
  readonly recovered: boolean;
};

/** Names of a channel's events, logged and ephemeral. */
export type ChannelEventName<Types extends ChannelTypes> = (
  | keyof Types["events"]
  | keyof Types["ephemeral"]
) &
  string;

/** The payload of one of them. */
export type ChannelPayload<Types extends ChannelTypes, Name> = Name extends keyof Types["events"]
  ? Types["events"][Name]
  : Name extends keyof Types["ephemeral"]
    ? Types["ephemeral"][Name]
    : never;

/** Who else is here. */
export interface ChannelPresence<State> {
  /** Shows this session to the others; only the latest state counts. Joins the channel. */
  set(state: State): void;
  /** Hides this session from the others. */
  clear(): void;
  readonly members: readonly ChannelMember<State>[];
  /** The members without this session. */
  readonly others: readonly ChannelMember<State>[];
  /** Called with all members whenever they change. Joins the channel. */
  on(listener: (members: readonly ChannelMember<State>[]) => void): () => void;
}

/**
 * One channel as the application uses it. It joins by itself when first listened to.
 *
 * @example
 * const board = plex.channel("board", { id: "7" });
 * const off = board.on("moved", ({ shape, x }, { user }) => draw(shape, x, user));
 * await board.publish("moved", { shape: "a", x: 1 });
 * board.leave();
 */
export interface ChannelHandle<Types extends ChannelTypes = ChannelTypes> {
  readonly topic: Topic;
  readonly status: TopicStatus;
  /** The last state; undefined when none is set, or not known yet. */
  readonly state: ChannelLastState<Types["state"]> | undefined;
  readonly presence: ChannelPresence<Types["presence"]>;
  /** Publications were missed for good: reload what you show. */
  on(event: "$gap", listener: (gap: Pick<GapMessage, "position" | "reason">) => void): () => void;
  on(
    event: "$presence",
    listener: (members: readonly ChannelMember<Types["presence"]>[]) => void,
  ): () => void;
  on(event: "$state", listener: (state: ChannelLastState<Types["state"]> | undefined) => void): () => void;
  on<Name extends ChannelEventName<Types>>(
    event: Name,
    listener: (payload: ChannelPayload<Types, Name>, meta: ChannelMeta) => void,
  ): () => void;
  /** Resolves when the server has accepted it; rejects with a PlexlineError. */
  publish<Name extends ChannelEventName<Types>>(
    event: Name,
    payload: ChannelPayload<Types, Name>,
    options?: PublishOptions,
  ): Promise<PublishResult>;
  /** Replaces the last state, for those who are here and those who come later. */
  setState(payload: Types["state"]): Promise<void>;
  /** Subscribes, with a presence state if one is given; again after a refusal. */
  join(presence?: Types["presence"]): void;
  /** Unsubscribes this handle; others of the same channel stay. */
  leave(): void;
}

/** Makes the handle of a channel; `sessionId` tells which of its members this client is. */
export function createChannelHandle<Types extends ChannelTypes = ChannelTypes>(
  topic: Topic,
  sessionId: () => string | undefined,
): ChannelHandle<Types> {
  return new TopicChannel<Types>(topic, sessionId);
}

/** The members after a diff. The same diff twice, or one that overlaps the state before it, does no harm. */
export function applyPresenceDiff(
  members: readonly PresenceMember[],
  diff: Pick<PresenceDiffMessage, "joins" | "updates" | "leaves">,
): readonly PresenceMember[] {
  const byId = new Map(members.map((member) => [member.id, member]));
  for (const member of [...diff.joins, ...diff.updates]) byId.set(member.id, member);
  for (const id of diff.leaves) byId.delete(id);
  return [...byId.values()];
}

type Listener = (...values: unknown[]) => void;

class TopicChannel<Types extends ChannelTypes> implements ChannelHandle<Types> {
  readonly topic: Topic;
  readonly presence: ChannelPresence<Types["presence"]>;
  #state: ChannelLastState<Types["state"]> | undefined;
  /** Every subscribe carries the latest presence, so that a reconnect is not a leave and a join to the others. */
  readonly #input: { presence?: unknown } = {};
  #members: readonly ChannelMember<Types["presence"]>[] = [];

  constructor(topic: Topic, sessionId: () => string | undefined) {
    this.topic = topic;
    this.presence = this.#createPresence(sessionId);
    // The first listeners of this handle: those of the application find members and state up to date.
    topic.on("subscribed", ({ snapshot }) => this.#restore(snapshot));
    topic.on("presence-state", ({ members }) => this.#setMembers(members));
    topic.on("presence-diff", (diff) => this.#setMembers(applyPresenceDiff(this.#members, diff)));
    topic.on("push", (message) => {
      if (message.event === STATE_EVENT) this.#applyState(message);
    });
    topic.on("status", ({ state }) => {
      if (state === "unsubscribed") this.#restore({ members: [] });
    });
  }

  get status(): TopicStatus {
    return this.topic.status;
  }

  get state(): ChannelLastState<Types["state"]> | undefined {
    return this.#state;
  }

  on(event: string, listener: (...values: never[]) => void): () => void {
    const off = this.#listen(event, listener as Listener);
    // Listening asks once; what was refused is asked for again by `join` alone.
    const { status } = this;
    if (status.state !== "unsubscribed" || status.error === undefined) this.join();
    return off;
  }

  publish(event: string, payload: unknown, options?: PublishOptions): Promise<PublishResult> {
    return this.topic.publish(event, payload, options);
  }

  async setState(payload: Types["state"]): Promise<void> {
    await this.topic.publish(STATE_EVENT, payload);
  }

  join(presence?: Types["presence"]): void {
    if (presence !== undefined) this.#show(presence);
    if (this.status.state === "unsubscribed") this.topic.subscribe(this.#input);
  }

  leave(): void {
    this.topic.unsubscribe();
  }

  #listen(event: string, listener: Listener): () => void {
    const { topic } = this;
    if (event === "$gap") return topic.on("gap", ({ position, reason }) => listener({ position, reason }));
    if (event === "$presence") {
      return this.#onChange(
        ["subscribed", "presence-state", "presence-diff", "status"],
        () => this.#members,
        listener,
      );
    }
    if (event === STATE_EVENT)
      return this.#onChange(["subscribed", "push", "status"], () => this.#state, listener);
    return topic.on("push", ({ type: _type, topic: _topic, event: name, payload, ...meta }) => {
      if (name === event) listener(payload, meta);
    });
  }

  /** Calls the listener after those topic events that changed what `read` gives. */
  #onChange(
    names: readonly ("subscribed" | "presence-state" | "presence-diff" | "push" | "status")[],
    read: () => unknown,
    listener: Listener,
  ): () => void {
    let last = read();
    const check = (): void => {
      const next = read();
      if (next === last) return;
      last = next;
      listener(next);
    };
    const offs = names.map((name) => this.topic.on(name, check));
    return () => {
      for (const off of offs) off();
    };
  }

  #createPresence(sessionId: () => string | undefined): ChannelPresence<Types["presence"]> {
    const members = (): readonly ChannelMember<Types["presence"]>[] => this.#members;
    return {
      set: (state) => this.join(state),
      clear: () => this.#show(null),
      get members() {
        return members();
      },
      get others() {
        return members().filter((member) => member.id !== sessionId());
      },
      on: (listener) => this.on("$presence", listener),
    };
  }

  #show(presence: unknown): void {
    this.#input.presence = presence;
    this.topic.setPresence(presence);
  }

  #restore(snapshot: unknown): void {
    if (typeof snapshot !== "object" || snapshot === null) return;
    const { members, state } = snapshot as ChannelSnapshot;
    if (members !== undefined) this.#setMembers(members);
    if (state === undefined || this.#state === undefined || !sameState(state, this.#state))
      this.#state = state;
  }

  #setMembers(members: readonly PresenceMember[]): void {
    if (members.length > 0 || this.#members.length > 0) this.#members = members;
  }

  /** A state that was recovered may be older than the one of the snapshot. */
  #applyState({ payload, user, atMs = 0, recovered }: PushMessage & { readonly recovered: boolean }): void {
    if (recovered && this.#state !== undefined && atMs < this.#state.atMs) return;
    const state = { payload, atMs, ...(user !== undefined && { user }) };
    if (this.#state === undefined || !sameState(state, this.#state)) this.#state = state;
  }
}

/** Keeps the object while nothing changed, so that views that compare by identity stay still. */
function sameState(a: ChannelState, b: ChannelState): boolean {
  return a.atMs === b.atMs && a.user === b.user && JSON.stringify(a.payload) === JSON.stringify(b.payload);
}
