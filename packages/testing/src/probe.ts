import { PlexlineError } from "@plexline/protocol";
import type {
  Feature,
  HistoryOptions,
  OutboxPolicy,
  RoomMessage,
  Sender,
  TopicContext,
} from "@plexline/server";

export interface ProbeOptions {
  readonly history?: HistoryOptions;
  readonly roles?: Feature["roles"];
  readonly authorize?: NonNullable<Feature["authorize"]>;
  /** The snapshot of a reply to `subscribe`; may be async. Default: none. */
  readonly snapshot?: (topic: TopicContext) => unknown;
}

/** A feature whose messages say what it does, for tests of the engine around it. */
export interface Probe extends Feature {
  /** What happened to its rooms: `subscribe s1`, `detached s1`, `attached s1`, `unsubscribe s1`, `close`. */
  readonly events: readonly string[];
  /** Commands and publications that it has begun to carry out. */
  readonly runs: number;
  /** From now on whatever is named "held" waits. */
  hold(): void;
  /** Lets what waits go on. */
  release(): void;
}

const RELAYED: Readonly<Record<string, OutboxPolicy>> = {
  ephemeral: { policy: "drop-oldest" },
  latest: { policy: "coalesce", key: "latest" },
  must: { policy: "close" },
};

/**
 * Creates a probe. Events: `ephemeral`, `latest` and `must` are relayed under that outbox policy; `throw`, `refuse`,
 * `never` and `held` do so first; any other is appended to the log, or relayed if there is none. Commands: `echo`
 * answers its input, `publish` appends it as an event `published` and answers its position; and the four above.
 * Binary messages go to everybody else. Presence is relayed as it comes.
 *
 * @example
 * const board = probe("board:{id}", { history: {} });
 */
export function probe(template: string, options: ProbeOptions = {}): Probe {
  const events: string[] = [];
  let runs = 0;
  let gate: Promise<void> = Promise.resolve();
  let openGate: () => void = () => {};

  const perform = async (name: string): Promise<void> => {
    runs += 1;
    if (name === "throw") throw new Error("a secret of the application");
    if (name === "refuse")
      throw new PlexlineError("PAYLOAD_INVALID", { message: "events.refuse is never accepted." });
    if (name === "never") await new Promise(() => {});
    if (name === "held") await gate;
  };
  const { roles = { controller: ["subscribe", "publish", "call", "presence"], viewer: ["subscribe"] } } =
    options;

  return {
    feature: "probe",
    template,
    roles,
    defaultRole: "controller",
    ...(options.history === undefined ? {} : { history: options.history }),
    ...(options.authorize === undefined ? {} : { authorize: options.authorize }),
    events,
    get runs() {
      return runs;
    },
    hold() {
      gate = new Promise((resolve) => {
        openGate = resolve;
      });
    },
    release: () => openGate(),
    open: (topic) => ({
      async onSubscribe(member) {
        events.push(`subscribe ${member.sessionId}`);
        return options.snapshot?.(topic);
      },
      async onMessage(sender, message) {
        if (message.type === "publish" || message.type === "call")
          await perform(message.type === "publish" ? message.event : message.command);
        return react(topic, sender, message, options.history !== undefined);
      },
      onAttachment: (member, attached) =>
        void events.push(`${attached ? "attached" : "detached"} ${member.sessionId}`),
      onUnsubscribe: (member) => void events.push(`unsubscribe ${member.sessionId}`),
      close: () => void events.push("close"),
    }),
  };
}

async function react(
  topic: TopicContext,
  sender: Sender,
  message: RoomMessage,
  hasLog: boolean,
): Promise<unknown> {
  switch (message.type) {
    case "publish":
      return publish(topic, sender, message, hasLog);
    case "call": {
      if (message.command !== "publish") return message.input;
      return topic.append({ event: "published", payload: message.input, sender });
    }
    case "presence": {
      const member = { id: sender.sessionId ?? "", user: sender.principal.id, state: message.state };
      topic.relay(
        { type: "presence-diff", topic: topic.topic, joins: [member], updates: [], leaves: [] },
        { outbox: { policy: "coalesce", key: member.id } },
      );
      return undefined;
    }
    case "binary": {
      const { sessionId, ...rest } = sender;
      const except = sessionId === null ? {} : { except: { ...rest, sessionId } };
      topic.relay({ alias: 0, kind: message.kind, payload: message.payload }, except);
      return undefined;
    }
  }
}

async function publish(
  topic: TopicContext,
  sender: Sender,
  { event, payload, key }: RoomMessage & { type: "publish" },
  hasLog: boolean,
): Promise<unknown> {
  const outbox = RELAYED[event];
  if (outbox === undefined && hasLog)
    return {
      position: await topic.append({ event, payload, sender, ...(key === undefined ? {} : { key }) }),
    };
  topic.relay(
    {
      type: "push",
      topic: topic.topic,
      event,
      payload,
      user: sender.principal.id,
      ...(key === undefined ? {} : { key }),
    },
    { outbox: outbox ?? { policy: "drop-oldest" } },
  );
  return { position: null };
}
