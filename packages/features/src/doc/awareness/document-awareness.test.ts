import type { Member } from "@plexline/server";
import { createTestMember, createTestTopic } from "@plexline/testing";
import { afterEach, describe, expect, test } from "vitest";
import {
  Awareness,
  applyAwarenessUpdate,
  encodeAwarenessUpdate,
  removeAwarenessStates,
} from "y-protocols/awareness";
import * as Y from "yjs";
import { DOC_KIND } from "../protocol.ts";
import { createDocAwareness } from "./document-awareness.ts";

const open: Peer[] = [];
afterEach(() => {
  for (const peer of open.splice(0)) peer.end();
});

interface Peer {
  readonly awareness: Awareness;
  readonly member: Member;
  /** What others show here, by client id. */
  seen(): Record<number, unknown>;
  /** A new connection of the same client, as providers make one: it shows its own state again. */
  reconnect(sessionId: string): Peer;
  end(): void;
}

const OPTIONS = { awarenessBytesMax: 4_096, awarenessIdsMax: 8, leaveAfterMs: 5_000 };

/** A document's awareness with real clients that hand every change on, whosever it is, as y-websocket does. */
function createRoom(options: Partial<typeof OPTIONS> = {}) {
  const topic = createTestTopic({ topic: "doc:1" });
  const room = createDocAwareness(topic, { ...OPTIONS, ...options });
  const connected = new Map<string, Peer>();
  let relayed = 0;
  let pushed = 0;

  const apply = (peer: Peer | undefined, message: object): void => {
    if (peer && "payload" in message && "kind" in message) {
      expect(message.kind).toBe(DOC_KIND.awareness);
      applyAwarenessUpdate(peer.awareness, message.payload as Uint8Array, "server");
    }
  };
  /** Delivers until nothing moves any more. */
  const settle = (): void => {
    while (relayed < topic.relayed.length || pushed < topic.pushed.length) {
      for (; pushed < topic.pushed.length; pushed += 1) {
        const { member, message } = topic.pushed[pushed]!;
        apply(connected.get(member.sessionId), message);
      }
      for (; relayed < topic.relayed.length; relayed += 1) {
        const { message, except } = topic.relayed[relayed]!;
        for (const [session, peer] of connected) if (session !== except?.sessionId) apply(peer, message);
      }
    }
  };
  const connect = (member: Member, awareness: Awareness): Peer => {
    const send = (ids: number[]): void => {
      if (connected.get(member.sessionId) === peer) {
        room.onMessage(member, encodeAwarenessUpdate(awareness, ids));
      }
    };
    const onUpdate = (changed: Record<"added" | "updated" | "removed", number[]>) =>
      send([...changed.added, ...changed.updated, ...changed.removed]);
    const peer: Peer = {
      awareness,
      member,
      seen: () => Object.fromEntries([...awareness.getStates()].filter(([id]) => id !== awareness.clientID)),
      reconnect(sessionId) {
        awareness.off("update", onUpdate);
        const others = [...awareness.getStates().keys()].filter((id) => id !== awareness.clientID);
        removeAwarenessStates(awareness, others, "offline");
        return connect({ ...member, sessionId }, awareness);
      },
      end() {
        connected.delete(member.sessionId);
        awareness.destroy();
      },
    };
    awareness.on("update", onUpdate);
    connected.set(member.sessionId, peer);
    room.onSubscribe(member);
    if (awareness.getLocalState() !== null) send([awareness.clientID]);
    settle();
    open.push(peer);
    return peer;
  };
  return {
    topic,
    room,
    connected,
    settle,
    join(
      user: string,
      clientID: number,
      state: Record<string, unknown> | null,
      sessionId = `s-${user}`,
    ): Peer {
      const doc = new Y.Doc();
      doc.clientID = clientID;
      const awareness = new Awareness(doc);
      awareness.setLocalState(state);
      return connect(createTestMember(user, { sessionId }), awareness);
    },
    show(peer: Peer, state: Record<string, unknown> | null) {
      peer.awareness.setLocalState(state);
      settle();
    },
    /** The connection is lost and nothing can reach it; the session ends `leaveAfterMs` later at the earliest. */
    lose(peer: Peer) {
      connected.delete(peer.member.sessionId);
      room.onAttachment(peer.member, false);
    },
    pass(ms: number) {
      topic.clock.advance(ms);
      settle();
    },
    leave(peer: Peer) {
      connected.delete(peer.member.sessionId);
      room.onUnsubscribe(peer.member);
      settle();
    },
    errorsTo: (peer: Peer) =>
      topic.pushed.flatMap(({ member, message }) =>
        "type" in message && message.type === "error" && member.sessionId === peer.member.sessionId
          ? [message.error.code]
          : [],
      ),
  };
}

describe("the awareness of a document, with real clients", () => {
  test("[DC4, DC14] everybody sees everybody, newcomers at once in one message", () => {
    const { topic, join, show, settle } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, { name: "bob" });
    const before = topic.pushed.length;
    const eve = join("eve", 3, null);
    expect(topic.pushed.slice(before).map(({ member }) => member)).toEqual([eve.member]);
    expect(eve.seen()).toEqual({ 1: { name: "ada" }, 2: { name: "bob" } });
    show(ada, { name: "ada", at: 7 });
    settle();
    expect(bob.seen()).toEqual({ 1: { name: "ada", at: 7 } });
    expect(eve.seen()).toEqual({ 1: { name: "ada", at: 7 }, 2: { name: "bob" } });
    show(ada, null);
    expect(bob.seen()).toEqual({});
  });

  test("[DC14] each id is a message of its own that a newer one replaces, and its sender is not told", () => {
    const { topic, join } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    expect(topic.pushed).toEqual([]);
    expect(topic.relayed).toEqual([
      {
        message: {
          alias: 0,
          kind: DOC_KIND.awareness,
          payload: encodeAwarenessUpdate(ada.awareness, [1]),
        },
        outbox: { policy: "coalesce", key: "awareness:1" },
        except: ada.member,
      },
    ]);
  });

  test("[DC13] what clients hand back of others is not told again", () => {
    const { topic, join } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    join("bob", 2, { name: "bob" });
    join("ada", 3, { name: "second tab" }, "s-ada-2");
    expect(topic.relayed).toHaveLength(3);
    // A peer that has not heard of the others for 30 seconds removes them, and says so.
    removeAwarenessStates(ada.awareness, [2, 3], "timeout");
    expect(topic.relayed).toHaveLength(3);
  });

  test("[DC15] five seconds after its connection was lost, a session's states are removed", () => {
    const { topic, join, lose, pass } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, { name: "bob" });
    lose(ada);
    pass(4_999);
    expect(bob.seen()).toHaveProperty("1");
    pass(1);
    expect(bob.seen()).toEqual({});
    expect(topic.clock.pendingTimers).toBe(0);
  });

  test("[DC15] a session that is back in time loses nothing and learns what it missed", () => {
    const { topic, room, connected, join, show, leave, lose, pass, settle } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, { name: "bob" });
    const eve = join("eve", 3, { name: "eve" });
    lose(ada);
    show(bob, { name: "bob", at: 1 });
    leave(eve);
    pass(4_000);
    connected.set(ada.member.sessionId, ada);
    room.onAttachment(ada.member, true);
    settle();
    pass(60_000);
    expect(ada.seen()).toEqual({ 2: { name: "bob", at: 1 } });
    expect(bob.seen()).toEqual({ 1: { name: "ada" } });
    expect(topic.clock.pendingTimers).toBe(0);
  });

  test("[DC16] a session that is back too late is told so and shows its state again", () => {
    const { room, connected, join, lose, pass, settle } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, { name: "bob" });
    lose(ada);
    pass(5_000);
    expect(bob.seen()).toEqual({});
    connected.set(ada.member.sessionId, ada);
    room.onAttachment(ada.member, true);
    settle();
    expect(bob.seen()).toEqual({ 1: { name: "ada" } });
  });

  test("[DC13, DC15] a client reconnects before its old socket is found dead: the late end removes nothing", () => {
    const { topic, room, join, show, pass } = createRoom();
    const old = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, { name: "bob" });
    const ada = old.reconnect("s-ada-2");
    const before = topic.relayed.length;
    room.onAttachment(old.member, false);
    pass(5_000);
    room.onUnsubscribe(old.member);
    pass(5_000);
    expect(topic.relayed).toHaveLength(before);
    expect(bob.seen()).toEqual({ 1: { name: "ada" } });
    show(ada, { name: "ada", at: 1 });
    expect(bob.seen()).toEqual({ 1: { name: "ada", at: 1 } });
  });

  test("[DC16] a client that returns with a removed state is answered, and announces itself again", () => {
    const { join, leave } = createRoom();
    const old = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, { name: "bob" });
    leave(old);
    expect(bob.seen()).toEqual({});
    old.reconnect("s-ada-2");
    expect(bob.seen()).toEqual({ 1: { name: "ada" } });
  });

  test("[DC14] what is too large or too much is left out, and told once", () => {
    const { topic, room, join, show, errorsTo } = createRoom({ awarenessBytesMax: 50 });
    const ada = join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, null);
    show(ada, { name: "x".repeat(50) });
    show(ada, { name: "y".repeat(50) });
    room.onMessage(ada.member, Uint8Array.of(9, 9, 9));
    expect(errorsTo(ada)).toEqual(["PRESENCE_INVALID"]);
    expect(errorsTo(bob)).toEqual([]);
    expect(bob.seen()).toEqual({ 1: { name: "ada" } });
    room.onSubscribe(ada.member);
    room.onMessage(ada.member, Uint8Array.of(9, 9, 9));
    expect(errorsTo(ada)).toHaveLength(2);
    expect(topic.pushed.filter(({ message }) => "type" in message).at(0)?.message).toMatchObject({
      type: "error",
      topic: "doc:1",
    });
  });

  test("a newcomer is told at most 256 KiB at once, small states first", () => {
    const { topic, join } = createRoom();
    for (let user = 0; user < 70; user += 1) join(`u${user}`, 100 + user, { large: "x".repeat(4_080) });
    join("ada", 1, { name: "ada" });
    const bob = join("bob", 2, null);
    expect(bob.seen()).toHaveProperty("1");
    expect(Object.keys(bob.seen()).length).toBeGreaterThan(60);
    const message = topic.pushed.findLast(({ member }) => member === bob.member)?.message;
    expect(message && "kind" in message && message.payload.length).toBeLessThan(256 * 1024);
  });

  test("closing leaves no timer, and nothing is told afterwards", () => {
    const { topic, room, join, lose, pass } = createRoom();
    const ada = join("ada", 1, { name: "ada" });
    join("bob", 2, { name: "bob" });
    lose(ada);
    expect(topic.clock.pendingTimers).toBe(1);
    const before = topic.relayed.length;
    room.close();
    expect(topic.clock.pendingTimers).toBe(0);
    pass(10_000);
    expect(topic.relayed).toHaveLength(before);
  });
});
