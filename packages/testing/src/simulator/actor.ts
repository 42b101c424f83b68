import type { Client, PublishOptions, Topic } from "@plexline/client";
import { type ChannelHandle, createChannelHandle } from "@plexline/features/channel/client";
import { createClient } from "@plexline/features/client";
import { PlexlineError, type Position, type PushMessage } from "@plexline/protocol";
import { createDocumentSeat, type DocumentSeat } from "./documents/seat.ts";
import { type History, type Publication, type SeatName, UNTOLD_EPOCH } from "./history.ts";
import { TOPICS, type TopicAddress } from "./topics.ts";
import { watchWire } from "./wire.ts";
import { tokenOf, type World } from "./world.ts";

/** One handle of a topic, as its client's application has it. */
export interface Seat {
  readonly name: SeatName;
  readonly topic: Topic;
  readonly channel: ChannelHandle;
  /** Whether the application wants the topic now. */
  isWanted: boolean;
}

export interface ActorSettings {
  readonly name: string;
  readonly user: string;
  readonly requestTimeoutMs: number;
  /** How long a token lasts; Infinity: for ever. */
  readonly tokenLifeMs: number;
  /** How long the application takes to give a token; 0: it gives it at once. */
  readonly tokenDelayMs: number;
  /** Handles of each topic. */
  readonly handles: number;
  /** The handles begin with the oldest publication that is kept. */
  readonly fromStart: boolean;
  /** What a local store has of documents, by address. */
  readonly stored?: ReadonlyMap<string, Uint8Array>;
}

export interface PublishingOptions extends PublishOptions {
  /** Makes the payload larger. */
  readonly pad?: string;
  /** An earlier publication that this one repeats. */
  readonly repeats?: Publication;
}

/** A real client with an application that remembers what it asked for and what it was told. */
export interface Actor {
  readonly settings: ActorSettings;
  readonly client: Client;
  readonly seats: readonly Seat[];
  readonly documents: readonly DocumentSeat[];
  seatsOf(topic: TopicAddress): readonly Seat[];
  publish(topic: TopicAddress, event: string, options?: PublishingOptions): Publication;
  subscribe(seat: Seat): void;
  unsubscribe(seat: Seat): void;
  /** Sets the presence of the client in a topic, through its first handle; null clears it. */
  setPresence(topic: TopicAddress, state: number | null): void;
  /** What others should see of this client in a topic; null: nothing. */
  presenceIn(topic: TopicAddress): number | null;
  /** Publications without an outcome. */
  readonly unsettled: number;
}

/** Creates a client in the world and writes down what it sees. */
export function createActor(world: World, history: History, settings: ActorSettings): Actor {
  const { name, user, requestTimeoutMs, tokenLifeMs, tokenDelayMs } = settings;
  const { clock } = world;
  const token = (): string =>
    tokenOf(user, tokenLifeMs === Number.POSITIVE_INFINITY ? undefined : clock.nowMs() + tokenLifeMs);
  const client = createClient({
    url: "ws://server.test/ws",
    WebSocket: world.network.WebSocket,
    clock,
    random: world.random.fork(),
    requestTimeoutMs,
    token: () =>
      tokenDelayMs === 0 ? token() : new Promise((give) => clock.setTimer(() => give(token()), tokenDelayMs)),
  });
  client.on("status", (status) => {
    if (status.state === "connected") {
      history.note({ kind: "connected", client: name, resumed: status.resumed, user: status.user });
      if (client.welcome !== null) history.documents.userOfSession.set(client.welcome.sessionId, user);
    } else if (status.state !== "connecting")
      history.note({ kind: "disconnected", client: name, why: JSON.stringify(status) });
  });
  watchWire(client, name, history);
  const seats = TOPICS.flatMap((topic) =>
    Array.from({ length: settings.handles }, (_, handle) =>
      createSeat(client, history, { client: name, topic, handle }, settings.fromStart),
    ),
  );
  const documents = world.documents.map((topic) =>
    createDocumentSeat({
      world,
      history,
      client,
      name: { client: name, topic, handle: 0 },
      user,
      stored: settings.stored?.get(topic),
    }),
  );
  const seatsOf = (topic: TopicAddress): readonly Seat[] => seats.filter((seat) => seat.name.topic === topic);
  const states = new Map<TopicAddress, number | null>();
  const shown = new Map<TopicAddress, number | null>();
  const unsettled = new Set<Publication>();

  return {
    settings,
    client,
    seats,
    documents,
    seatsOf,
    publish(topic, event, { pad, repeats, ...options } = {}) {
      const isSentOnce = options.offline === "fail";
      const publication = history.publication({ client: name, topic, event, isSentOnce }, repeats);
      const settle = (outcome: Publication["outcome"]): void => {
        unsettled.delete(publication);
        publication.outcome = outcome;
        history.note({ kind: "settled", publication });
      };
      unsettled.add(publication);
      const payload = { content: publication.content, ...(pad === undefined ? {} : { pad }) };
      const handle = seatsOf(topic)[0] as Seat;
      handle.topic.publish(event, payload, options).then(
        ({ position }) => settle(options.ack === false ? { kind: "unasked" } : { kind: "acked", position }),
        (error: unknown) => settle({ kind: "refused", code: PlexlineError.from(error).code }),
      );
      return publication;
    },
    subscribe(seat) {
      seat.isWanted = true;
      seat.topic.subscribe();
      const topic = seat.name.topic as TopicAddress;
      // A handle brings the state it was given last.
      if (seat.name.handle === 0 && states.has(topic)) shown.set(topic, states.get(topic) ?? null);
    },
    unsubscribe(seat) {
      seat.isWanted = false;
      seat.topic.unsubscribe();
      const topic = seat.name.topic as TopicAddress;
      if (!seatsOf(topic).some((other) => other.isWanted)) shown.delete(topic);
    },
    setPresence(topic, state) {
      const first = seatsOf(topic)[0] as Seat;
      states.set(topic, state);
      first.topic.setPresence(state);
      if (first.isWanted) shown.set(topic, state);
    },
    presenceIn: (topic) => shown.get(topic) ?? null,
    get unsettled() {
      return unsettled.size;
    },
  };
}

function createSeat(client: Client, history: History, name: SeatName, fromStart: boolean): Seat {
  const topic = client.topic(name.topic, fromStart ? { since: "start" } : {});
  const channel = createChannelHandle(topic, () => client.welcome?.sessionId);
  const seat: Seat = { name, topic, channel, isWanted: false };
  topic.on("subscribed", ({ position, recovered }) =>
    history.note({ kind: "subscribed", seat: name, position, recovered }),
  );
  topic.on("push", ({ offset, event, payload }: PushMessage) => {
    const { content } = payload as { content: number };
    const position = offset === undefined ? null : { epoch: topic.position?.epoch ?? UNTOLD_EPOCH, offset };
    history.note({ kind: "pushed", seat: name, event, content, position });
  });
  topic.on("gap", ({ position, reason }: { position: Position; reason: string }) =>
    history.note({ kind: "gap", seat: name, position, reason }),
  );
  topic.on("status", (status) => {
    if (status.state !== "unsubscribed") return;
    history.note({ kind: "left", seat: name, error: status.error?.code ?? null });
    // The application of this actor asks again when it is healed.
    if (status.error !== undefined) seat.isWanted = false;
  });
  return seat;
}
