import type { PresenceMember } from "@plexline/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyPresence, type PresenceDiff } from "./presence.ts";
import { createTracker, type PresenceTracker } from "./tracker.ts";

const member = (id: string, state: unknown): PresenceMember => ({ id, user: `u-${id}`, state });
const set = (tracker: PresenceTracker, id: string, state: unknown) => tracker.set(id, `u-${id}`, state);

/** What happens after `a` (state 1) has been told, and the diff it makes. */
const COALESCING: readonly [
  name: string,
  act: (tracker: PresenceTracker) => void,
  diff: Partial<PresenceDiff> | undefined,
][] = [
  ["a join is a join", (t) => set(t, "b", 1), { joins: [member("b", 1)] }],
  ["a join and updates are one join", (t) => [set(t, "b", 1), set(t, "b", 2)], { joins: [member("b", 2)] }],
  ["a join and a leave are nothing", (t) => [set(t, "b", 1), t.remove("b")], undefined],
  ["a leave is a leave", (t) => t.remove("a"), { leaves: ["a"] }],
  ["a leave and a join are an update", (t) => [t.remove("a"), set(t, "a", 2)], { updates: [member("a", 2)] }],
  ["a leave and the same join are nothing", (t) => [t.remove("a"), set(t, "a", 1)], undefined],
  ["several updates are one", (t) => [set(t, "a", 2), set(t, "a", 3)], { updates: [member("a", 3)] }],
  ["the same state again is nothing", (t) => set(t, "a", 1), undefined],
  [
    "a state that was shown and taken back is told",
    (t) => [set(t, "a", 2), t.members(), set(t, "a", 1)],
    { updates: [member("a", 1)] },
  ],
  [
    "a join that was shown and taken back is told",
    (t) => [set(t, "b", 1), t.members(), t.remove("b")],
    { leaves: ["b"] },
  ],
  [
    "a leave that was shown and taken back is told",
    (t) => [t.remove("a"), t.members(), set(t, "a", 1)],
    { updates: [member("a", 1)] },
  ],
  ["a lost socket is nothing yet", (t) => [t.detach("a", 0), t.expire(4_999)], undefined],
  ["a lost socket is a leave after the grace", (t) => [t.detach("a", 0), t.expire(5_000)], { leaves: ["a"] }],
  [
    "the first loss counts",
    (t) => [t.detach("a", 0), t.detach("a", 4_000), t.expire(5_000)],
    { leaves: ["a"] },
  ],
  [
    "a socket that is back in time is nothing",
    (t) => [t.detach("a", 0), t.attach("a"), t.expire(9_999)],
    undefined,
  ],
  [
    "somebody unknown changes nothing",
    (t) => [t.remove("x"), t.detach("x", 0), t.expire(9_999), t.attach("x")],
    undefined,
  ],
];

describe("the presence tracker", () => {
  test.each(COALESCING)("[CH12] %s", (_name, act, diff) => {
    const tracker = createTracker();
    set(tracker, "a", 1);
    tracker.takeDiff();
    act(tracker);
    expect(tracker.takeDiff()).toEqual(diff && { joins: [], updates: [], leaves: [], ...diff });
    expect(tracker.takeDiff()).toBeUndefined();
  });

  test("[CH14] somebody who comes back after the grace joins again with the state they had", () => {
    const tracker = createTracker();
    set(tracker, "a", 1);
    tracker.detach("a", 0);
    tracker.expire(5_000);
    tracker.takeDiff();
    tracker.attach("a");
    expect(tracker.takeDiff()?.joins).toEqual([member("a", 1)]);
  });

  test("[CH14] a state set while detached is still subject to the grace", () => {
    const tracker = createTracker();
    tracker.detach("a", 0);
    set(tracker, "a", 1);
    expect(tracker.nextExpiryMs).toBe(5_000);
    tracker.expire(5_000);
    expect(tracker.members()).toEqual([]);
    expect(tracker.nextExpiryMs).toBeUndefined();
  });

  test("lists members in the order they joined", () => {
    const tracker = createTracker();
    for (const id of ["c", "a", "b"]) set(tracker, id, 1);
    set(tracker, "c", 2);
    expect(tracker.members().map(({ id }) => id)).toEqual(["c", "a", "b"]);
    tracker.takeDiff();
    tracker.remove("c");
    tracker.takeDiff();
    set(tracker, "c", 3);
    expect(tracker.members().map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  test("[CH16] refuses one member too many, but not the change of a member", () => {
    const tracker = createTracker({ membersMax: 1 });
    set(tracker, "a", 1);
    expect(() => set(tracker, "b", 1)).toThrow(
      expect.objectContaining({ code: "OVERLOADED", message: expect.stringContaining("1 members") }),
    );
    set(tracker, "a", 2);
    tracker.remove("a");
    set(tracker, "b", 1);
    expect(tracker.members()).toEqual([member("b", 1)]);
  });

  test("[CH16] counts a state in bytes, and refuses what is no JSON", () => {
    const tracker = createTracker({ stateBytesMax: 9 });
    set(tracker, "a", "éé€");
    const refused = expect.objectContaining({ code: "PRESENCE_INVALID" });
    expect(() => set(tracker, "a", "ééé€")).toThrow(refused);
    expect(() => set(tracker, "b", undefined)).toThrow(refused);
    expect(() => set(tracker, "b", 1n)).toThrow(refused);
    expect(tracker.members()).toEqual([member("a", "éé€")]);
  });

  test("[CH13] any list plus the diffs after it, with repeated and late ones, gives the same members", () => {
    fc.assert(fc.property(fc.array(commandArbitrary, { maxLength: 60, size: "max" }), follow), {
      numRuns: 2_000,
    });
  });
});

type Command =
  | { readonly kind: "set"; readonly id: string; readonly state: number }
  | { readonly kind: "remove" | "detach" | "attach"; readonly id: string }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "flush" }
  | { readonly kind: "list"; readonly late: number };

const idArbitrary = fc.constantFrom("a", "b", "c");
const commandArbitrary: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), id: idArbitrary, state: fc.nat(2) }),
  fc.record({
    kind: fc.constantFrom("remove" as const, "detach" as const, "attach" as const),
    id: idArbitrary,
  }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1_000, 2_500, 5_000) }),
  fc.constant({ kind: "flush" as const }),
  fc.record({ kind: fc.constant("list" as const), late: fc.nat(3) }),
);

/** Runs commands against the tracker, a naive model, and subscribers that joined whenever a list was taken. */
function follow(commands: readonly Command[]): void {
  const tracker = createTracker({ leaveAfterMs: 5_000 });
  const model = new Map<string, { state: number; present: boolean }>();
  const detachedAt = new Map<string, number>();
  const told: PresenceDiff[] = [];
  const subscribers: { members: ReadonlyMap<string, PresenceMember> }[] = [];
  const hear = (subscriber: (typeof subscribers)[number], diff: PresenceDiff) => {
    subscriber.members = applyPresence(subscriber.members, { type: "presence-diff", topic: "t", ...diff });
  };
  let nowMs = 0;
  const take: { readonly [Kind in Command["kind"]]: (command: Extract<Command, { kind: Kind }>) => void } = {
    set({ id, state }) {
      set(tracker, id, state);
      model.set(id, { state, present: true });
    },
    remove({ id }) {
      tracker.remove(id);
      model.delete(id);
      detachedAt.delete(id);
    },
    detach({ id }) {
      tracker.detach(id, nowMs);
      if (!detachedAt.has(id)) detachedAt.set(id, nowMs);
    },
    attach({ id }) {
      tracker.attach(id);
      detachedAt.delete(id);
      const known = model.get(id);
      if (known) known.present = true;
    },
    pass({ ms }) {
      nowMs += ms;
      tracker.expire(nowMs);
      for (const [id, atMs] of detachedAt) {
        if (nowMs - atMs < 5_000) continue;
        detachedAt.delete(id);
        const known = model.get(id);
        if (known) known.present = false;
      }
    },
    flush() {
      const diff = tracker.takeDiff();
      if (diff) told.push(diff);
      for (const subscriber of subscribers) {
        if (diff) hear(subscriber, diff);
        if (diff) hear(subscriber, diff);
        expect(asObject(subscriber.members)).toEqual(expected());
      }
    },
    list({ late }) {
      const members = new Map(tracker.members().map((each) => [each.id, each]));
      expect(asObject(members)).toEqual(expected());
      const subscriber = { members };
      subscribers.push(subscriber);
      // The newest diffs from before the list may still be on their way to whoever gets it.
      for (const diff of told.slice(told.length - Math.min(late, told.length))) hear(subscriber, diff);
    },
  };
  const expected = () =>
    Object.fromEntries([...model].filter(([, { present }]) => present).map(([id, { state }]) => [id, state]));
  const runCommand = take as Record<Command["kind"], (command: Command) => void>;
  for (const command of commands) runCommand[command.kind](command);
  take.flush({ kind: "flush" });
}

const asObject = (members: ReadonlyMap<string, PresenceMember>) =>
  Object.fromEntries([...members].map(([id, { state }]) => [id, state]));
