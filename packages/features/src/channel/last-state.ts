import type { PushMessage } from "@plexline/protocol";
import { PlexlineError } from "@plexline/protocol";
import type { Sender, TopicContext } from "@plexline/server";
import { type ChannelState, STATE_EVENT } from "./protocol.ts";

/** Key of the last state among the topic's values. */
const STATE_KEY = "state";
/** Writes that may wait for the storage; one more is refused with OVERLOADED. */
const WRITES_MAX = 64;

/** The last state of one room. */
export interface LastState {
  /** What a newcomer gets. Read from storage each time: another node may have set it. */
  read(): Promise<ChannelState | undefined>;
  /** Stores a state and, once durable, tells every subscriber. Sets take effect one after the other. */
  set(sender: Sender, payload: unknown, key: string | undefined): Promise<void>;
  /** Resolves when no write is under way. */
  settled(): Promise<void>;
}

/** The last state of a room, kept in the topic's values. */
export function createLastState(topic: TopicContext): LastState {
  let waiting = 0;
  let tail: Promise<void> = Promise.resolve();

  const finish = (): void => {
    waiting -= 1;
  };
  const write = async (value: Uint8Array, push: PushMessage): Promise<void> => {
    await topic.put([{ key: STATE_KEY, value }]);
    topic.relay(push, { outbox: { policy: "coalesce", key: STATE_KEY } });
  };

  return {
    async read() {
      const value = await topic.get(STATE_KEY);
      return value && (JSON.parse(new TextDecoder().decode(value)) as ChannelState);
    },
    async set(sender, payload, key) {
      if (waiting >= WRITES_MAX) {
        throw new PlexlineError("OVERLOADED", {
          message: `${WRITES_MAX} states of this topic wait to be stored.`,
        });
      }
      const state: ChannelState = {
        payload: payload ?? null,
        user: sender.principal.id,
        atMs: topic.clock.nowMs(),
      };
      const value = encodeState(state);
      const push: PushMessage = {
        type: "push",
        topic: topic.topic,
        event: STATE_EVENT,
        ...state,
        ...(sender.sessionId === null ? {} : { from: sender.sessionId }),
        ...(key === undefined ? {} : { key }),
      };
      waiting += 1;
      // One write at a time: what subscribers see last is what is stored.
      const written = tail.then(() => write(value, push));
      tail = written.then(finish, finish);
      await written;
    },
    settled: () => tail,
  };
}

function encodeState(state: ChannelState): Uint8Array {
  try {
    return new TextEncoder().encode(JSON.stringify(state));
  } catch (cause) {
    throw new PlexlineError("PAYLOAD_INVALID", { message: "state cannot be written as JSON.", cause });
  }
}
