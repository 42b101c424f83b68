import type { Client, ClientClock, ClientRandom, TopicName } from "@plexline/client";
import type { StreamTransport } from "../transport.ts";
import { StreamFeed } from "./feed.ts";

/** What streams need of the client they belong to. */
export interface StreamsOptions {
  readonly client: Pick<Client, "topic" | "welcome">;
  readonly clock?: Pick<ClientClock, "nowMs" | "setTimer">;
  readonly random?: ClientRandom;
}

/** The server's default, until it has said its own. */
const MESSAGE_BYTES_MAX_DEFAULT = 65_536;
/** Room for what goes around the input of a call: topic, command, key, ref. */
const ENVELOPE_BYTES = 1_024;

const systemClock: Pick<ClientClock, "nowMs" | "setTimer"> = {
  nowMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

const systemRandom: ClientRandom = {
  next: () => Math.random(),
  id(bytes) {
    const random = crypto.getRandomValues(new Uint8Array(bytes));
    return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  },
};

/** The ways to streams over the native client: one per stream, shared by its handles and producers. */
export function createTransports({
  client,
  clock = systemClock,
  random = systemRandom,
}: StreamsOptions): (name: TopicName) => StreamTransport {
  const feeds = new Map<string, StreamFeed>();
  return (name) => {
    const topic = client.topic(name);
    const key = keyOf(name);
    return {
      clock,
      random,
      get commandBytesMax() {
        return (client.welcome?.limits.messageBytesMax ?? MESSAGE_BYTES_MAX_DEFAULT) - ENVELOPE_BYTES;
      },
      async call(command, input) {
        // The client answers with the whole result of the call.
        return ((await topic.call(command, input)) as { readonly output: unknown }).output;
      },
      follow(options, observer) {
        const feed = feeds.get(key) ?? new StreamFeed(client, name, () => feeds.delete(key));
        feeds.set(key, feed);
        return feed.follow(options, observer);
      },
    };
  };
}

function keyOf(name: TopicName): string {
  if (typeof name === "string") return name;
  return JSON.stringify([name.name, Object.entries(name.params).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
