import type { TopicStatus } from "@plexline/client";
import { type ChannelHandle, createChannelHandle } from "@plexline/features/channel/client";
import { PlexlineError } from "@plexline/protocol";
import type { ReadonlySignal } from "@preact/signals";
import { computed, signal } from "@preact/signals";
import type { Person, PersonHere } from "../../../session/person.ts";
import { parsePerson, personOfUser } from "../../../session/person.ts";
import { randomHex } from "../../../session/random-hex.ts";
import type { SaveState } from "../../../session/save-state.ts";
import { saveStateOf } from "../../../session/save-state.ts";
import { createUserClient, type UserLine } from "../../../session/user-client.ts";
import type { LogAction, MessageLog } from "./message-log.ts";
import { countUnsaved, emptyLog, reduceLog } from "./message-log.ts";
import { createTypists } from "./typists.ts";

/** People remembered after they left, so that their messages keep name and colour. */
const REMEMBERED_MAX = 500;

/** One user in one room: everything a pane shows, as signals, and everything it can do. */
export interface RoomSession extends UserLine {
  /** Of the room's topic: says why when the server refuses it. */
  readonly subscription: ReadonlySignal<TopicStatus>;
  readonly log: ReadonlySignal<MessageLog>;
  readonly save: ReadonlySignal<SaveState>;
  readonly members: ReadonlySignal<readonly PersonHere[]>;
  /** Others who type, by name. */
  readonly typing: ReadonlySignal<readonly string[]>;
  /** Name and colour of an author, here or gone. */
  authorOf(user: string): Person;
  send(text: string): void;
  retry(key: string): void;
  discard(key: string): void;
  announceTyping(): void;
  close(): void;
}

/** Connects a user to a room. */
export function createRoomSession(person: Person, room: string): RoomSession {
  const { client, line, close } = createUserClient(person);
  const channel: ChannelHandle = createChannelHandle(
    client.topic(`room:${room}`, { since: "start" }),
    () => client.welcome?.sessionId,
  );
  const subscription = signal(channel.status);
  const log = signal(emptyLog(person.user));
  const members = signal<readonly PersonHere[]>([]);
  const people = new Map<string, Person>([[person.user, person]]);
  const typists = createTypists(channel, members, person.user);
  const reduce = (action: LogAction) => {
    log.value = reduceLog(log.value, action);
  };

  const stops = [
    channel.topic.on("status", (next) => {
      subscription.value = next;
    }),
    channel.topic.on("subscribed", (result) => reduce({ type: "subscribed", position: result.position })),
    channel.on("$gap", ({ position, reason }) => reduce({ type: "gap", position, reason })),
    channel.on("message", (payload, meta) => {
      if (meta.from !== undefined) typists.stopped(meta.from);
      if (meta.offset === undefined) return;
      reduce({
        type: "pushed",
        text: textOf(payload),
        user: meta.user ?? "server",
        atMs: meta.atMs ?? Date.now(),
        offset: meta.offset,
        key: meta.key ?? null,
        recovered: meta.recovered,
      });
    }),
    channel.presence.on((next) => {
      members.value = next.map(parsePerson);
      for (const member of members.value) remember(people, member);
    }),
  ];
  channel.join({ name: person.name, color: person.hue });

  return {
    ...line,
    subscription,
    log,
    members,
    save: computed(() => saveStateOf(countUnsaved(log.value), line.status.value.state === "connected")),
    typing: typists.names,
    authorOf: (user) => people.get(user) ?? personOfUser(user),
    send(text) {
      const key = randomHex(16);
      reduce({ type: "sent", key, text, atMs: Date.now() });
      publishMessage(channel, key, text, reduce);
    },
    retry(key) {
      const row = log.value.rows.find((each) => each.kind === "message" && each.key === key);
      if (row?.kind !== "message" || row.state !== "failed") return;
      reduce({ type: "retried", key });
      // The same key: had the first try reached the log after all, this one would not repeat it.
      publishMessage(channel, key, row.text, reduce);
    },
    discard: (key) => reduce({ type: "discarded", key }),
    announceTyping: typists.announce,
    close() {
      for (const stop of stops) stop();
      typists.close();
      close();
    },
  };
}

function publishMessage(
  channel: ChannelHandle,
  key: string,
  text: string,
  reduce: (action: LogAction) => void,
): void {
  channel.publish("message", { text }, { key }).then(
    ({ position }) => reduce({ type: "acked", key, position }),
    (reason: unknown) => reduce({ type: "refused", key, error: PlexlineError.from(reason).toBody() }),
  );
}

/** Another browser wrote the payload: anything may be in it. */
function textOf(payload: unknown): string {
  if (
    typeof payload === "object" &&
    payload !== null &&
    "text" in payload &&
    typeof payload.text === "string"
  ) {
    return payload.text;
  }
  return JSON.stringify(payload) ?? "";
}

function remember(people: Map<string, Person>, person: Person): void {
  if (!people.has(person.user) && people.size >= REMEMBERED_MAX) return;
  people.set(person.user, { user: person.user, name: person.name, hue: person.hue });
}
