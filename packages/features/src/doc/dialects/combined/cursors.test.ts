import { describe, expect, test } from "vitest";
import { readAwareness, writeAwareness } from "../../awareness/codec.ts";
import { type Cursor, cursorsOf, OwnCursor } from "./cursor.ts";
import { RoomCursors } from "./cursors.ts";

const ADA = { id: "ada" };
const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const stateOf = (payload: Uint8Array) => {
  const [entry] = readAwareness(payload);
  return entry?.state ? JSON.parse(new TextDecoder().decode(entry.state)) : null;
};
const cursorOf = (state: unknown, client = 7) =>
  cursorsOf(writeAwareness([{ client, clock: 1, state: json(state) }]))[0];

describe("the own cursor", () => {
  test("[CB15] is a state of the user, under one client id of the connection and with a rising clock", () => {
    const own = new OwnCursor("ws_1_abc");
    const payloads = [{ line: 42, col: 10 }, null, { line: 1, col: 1 }].map((cursor) =>
      own.encode(cursor, ADA),
    );
    expect(payloads.map(stateOf)).toEqual([
      { user: { id: "ada", name: "ada" }, lineCursor: { line: 42, col: 10 } },
      null,
      { user: { id: "ada", name: "ada" }, lineCursor: { line: 1, col: 1 } },
    ]);
    const entries = payloads.flatMap((payload) => readAwareness(payload));
    expect(entries.map(({ client, clock }) => [client, clock])).toEqual(
      [1, 2, 3].map((n) => [own.client, n]),
    );
    expect(own.client).toBeLessThan(2 ** 32);
    expect(new OwnCursor("ws_1_abd").client).not.toBe(own.client);
  });

  test("[CB15] has the name of the token, if it has one", () => {
    const payload = new OwnCursor("a").encode({ line: 1 }, { id: "u1", name: "Ada" });
    expect(stateOf(payload)).toMatchObject({ user: { id: "u1", name: "Ada" } });
  });

  test("[CB15] is where editor bindings look only if it is what they can read", () => {
    const own = new OwnCursor("a");
    const relative = { anchor: { type: null, tname: "t" }, head: { type: null, tname: "t" } };
    expect(stateOf(own.encode(relative, ADA))).toHaveProperty("cursor", relative);
    const others: Cursor[] = [
      { line: 1, col: 2 },
      { anchor: 1, head: 2 },
      { anchor: {} },
      { anchor: null, head: {} },
    ];
    for (const cursor of others) {
      expect(stateOf(own.encode(cursor, ADA))).not.toHaveProperty("cursor");
      expect(stateOf(own.encode(cursor, ADA))).toHaveProperty("lineCursor", cursor);
    }
  });
});

describe("a state of somebody", () => {
  test.each<[unknown, { userId: string; cursor: string | null }]>([
    [
      { user: { id: "bob", name: "Bob" }, cursor: { anchor: 1 } },
      { userId: "bob", cursor: '{"anchor":1}' },
    ],
    [
      { user: { name: "Bob" }, cursor: 3 },
      { userId: "Bob", cursor: "3" },
    ],
    [
      { user: { id: 5 }, lineCursor: { line: 1, col: 2 } },
      { userId: "5", cursor: '{"line":1,"col":2}' },
    ],
    [
      { user: { id: "", name: "" }, cursor: {} },
      { userId: "7", cursor: "{}" },
    ],
    [
      { user: "bob", cursor: {} },
      { userId: "7", cursor: "{}" },
    ],
    [{ cursor: { a: 1 } }, { userId: "7", cursor: '{"a":1}' }],
    [{ user: { id: "bob" } }, { userId: "bob", cursor: null }],
    [
      { user: { id: "bob" }, cursor: null },
      { userId: "bob", cursor: null },
    ],
    [[1], { userId: "7", cursor: null }],
    ["text", { userId: "7", cursor: null }],
  ])("[CB16] %j says %j", (state, expected) => {
    expect(cursorOf(state)).toEqual({ client: 7, ...expected });
  });

  test("[CB16] what a combined client shows is what another one is told", () => {
    const own = new OwnCursor("a");
    for (const cursor of [
      { line: 42, col: 10 },
      { anchor: {}, head: {} },
    ]) {
      const expected = { client: own.client, userId: "ada", cursor: JSON.stringify(cursor) };
      expect(cursorsOf(own.encode(cursor, ADA))).toEqual([expected]);
    }
    expect(cursorsOf(own.encode(null, ADA))).toEqual(
      [{ client: own.client, userId: "1", cursor: null }].map((one) => ({
        ...one,
        userId: String(own.client),
      })),
    );
  });
});

describe("the cursors of a room", () => {
  const shown = (client: number, userId: string, cursor: string | null) => ({ client, userId, cursor });

  test("[CB16] are told once, and the own one is not", () => {
    const cursors = new RoomCursors(1);
    expect(cursors.take([shown(1, "ada", "1"), shown(2, "bob", "2")])).toEqual([shown(2, "bob", "2")]);
    expect(cursors.take([shown(2, "bob", "2")])).toEqual([]);
    expect(cursors.take([shown(2, "bob", "3")])).toEqual([shown(2, "bob", "3")]);
  });

  test("[CB17] one that goes is told with the user that it was shown for, and one that never was is not", () => {
    const cursors = new RoomCursors(1);
    cursors.take([shown(2, "bob", "2")]);
    expect(cursors.take([shown(2, "2", null), shown(3, "3", null)])).toEqual([shown(2, "bob", null)]);
    expect(cursors.take([shown(2, "2", null)])).toEqual([]);
  });

  test("[CB17] of a user with several, one of the others is told again", () => {
    const cursors = new RoomCursors(1);
    const bobs = [shown(2, "bob", "2"), shown(3, "bob", "3"), shown(5, "bob", "5")];
    cursors.take([...bobs, shown(4, "cyd", "4")]);
    expect(cursors.take([shown(3, "3", null)])).toEqual([shown(3, "bob", null), shown(2, "bob", "2")]);
    cursors.take([shown(5, "5", null)]);
    expect(cursors.take([shown(2, "2", null)])).toEqual([shown(2, "bob", null)]);
  });

  test("[CB17] one that is another user's now is gone for the first", () => {
    const cursors = new RoomCursors(1);
    cursors.take([shown(2, "bob", "2")]);
    expect(cursors.take([shown(2, "Bob", "2")])).toEqual([shown(2, "bob", null), shown(2, "Bob", "2")]);
  });

  test("[CB16] more than 1,000 are not told, until one goes", () => {
    const cursors = new RoomCursors(1);
    const many = Array.from({ length: 1_001 }, (_, at) => shown(at + 2, `user ${at}`, "0"));
    expect(cursors.take(many)).toEqual(many.slice(0, 1_000));
    cursors.take([shown(2, "2", null)]);
    expect(cursors.take(many.slice(1_000))).toEqual(many.slice(1_000));
  });
});
