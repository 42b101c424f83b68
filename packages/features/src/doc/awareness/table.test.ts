import { describe, expect, test } from "vitest";
import { createAwarenessTable } from "./table.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (state: Uint8Array | null) => (state === null ? null : new TextDecoder().decode(state));
const options = { bytesMax: 20, idsMax: 3, isState: (state: Uint8Array) => text(state) !== "bad" };

/** A table with what is sent and shown as `[client, clock, text]`. */
function createTable(sessions: Record<string, string> = { a1: "ada", b1: "bob" }) {
  const table = createAwarenessTable(options);
  for (const [session, user] of Object.entries(sessions)) table.enter(session, user);
  const plain = (entries: readonly { client: number; clock: number; state: Uint8Array | null }[]) =>
    entries.map(({ client, clock, state }) => [client, clock, text(state)]);
  return {
    enter: table.enter,
    send(session: string, entries: [number, number, string | null][], nowMs = 0) {
      const received = table.receive(
        session,
        entries.map(([client, clock, state]) => ({
          client,
          clock,
          state: state === null ? null : bytes(state),
        })),
        nowMs,
      );
      const { changes, answers, refused } = received;
      return {
        ...(changes.length > 0 ? { changes: plain(changes) } : {}),
        ...(answers.length > 0 ? { answers: plain(answers) } : {}),
        ...(refused === undefined ? {} : { refused }),
      };
    },
    clear: (session: string, nowMs = 0) => plain(table.clear(session, nowMs)),
    leave: (session: string, nowMs = 0) => plain(table.leave(session, nowMs)),
    states: (sinceMs?: number) => plain(table.states(sinceMs)),
  };
}

describe("showing", () => {
  test("[DC14] a state is kept as it came and told", () => {
    const table = createTable();
    expect(table.send("a1", [[1, 0, "x"]])).toEqual({ changes: [[1, 0, "x"]] });
    expect(table.send("a1", [[1, 1, "y"]])).toEqual({ changes: [[1, 1, "y"]] });
    expect(table.states()).toEqual([[1, 1, "y"]]);
  });

  test("[DC13] an older clock is ignored, and an equal one", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    expect(table.send("a1", [[1, 4, "y"]])).toEqual({});
    expect(table.send("a1", [[1, 5, "y"]])).toEqual({});
    expect(table.send("a1", [[1, 4, null]])).toEqual({});
    expect(table.states()).toEqual([[1, 5, "x"]]);
  });

  test("an equal or higher clock with null removes", () => {
    const table = createTable();
    table.send("a1", [
      [1, 5, "x"],
      [2, 5, "x"],
    ]);
    expect(table.send("a1", [[1, 5, null]])).toEqual({ changes: [[1, 5, null]] });
    expect(table.send("a1", [[2, 6, null]])).toEqual({ changes: [[2, 6, null]] });
    expect(table.states()).toEqual([]);
  });

  test("[DC13] states of another user's id are ignored without notice, nulls too", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    expect(table.send("b1", [[1, 6, "stolen"]])).toEqual({});
    expect(table.send("b1", [[1, 6, null]])).toEqual({});
    expect(table.send("b1", [[1, 6, "much larger than is allowed"]])).toEqual({});
    table.leave("a1");
    expect(table.send("b1", [[1, 7, "still stolen"]])).toEqual({});
    expect(table.states()).toEqual([]);
  });

  test("a session that has not entered shows nothing", () => {
    expect(createTable().send("nobody", [[1, 1, "x"]])).toEqual({});
  });

  test("[DC14] larger states, more ids and what is not JSON are refused, the rest is shown", () => {
    const table = createTable();
    const large = "x".repeat(21);
    expect(
      table.send("a1", [
        [1, 1, large],
        [2, 1, "x"],
      ]),
    ).toEqual({ changes: [[2, 1, "x"]], refused: "bytes" });
    expect(
      table.send("a1", [
        [3, 1, "bad"],
        [4, 1, "x"],
      ]),
    ).toEqual({ changes: [[4, 1, "x"]], refused: "json" });
    expect(
      table.send("a1", [
        [5, 1, "x"],
        [6, 1, "x"],
        [2, 2, "y"],
      ]),
    ).toEqual({
      changes: [
        [5, 1, "x"],
        [2, 2, "y"],
      ],
      refused: "ids",
    });
    expect(table.send("a1", [[2, 3, large]])).toEqual({ refused: "bytes" });
    expect(table.states()).toContainEqual([2, 2, "y"]);
  });

  test("[DC14] one update makes no more changes than a session has ids to show and remove", () => {
    const table = createTable();
    const cycling = Array.from({ length: 1_000 }, (_, index): [number, number, string | null] => [
      index >> 1,
      1 + (index % 2),
      index % 2 === 0 ? "x" : null,
    ]);
    const { changes, refused } = table.send("a1", cycling);
    expect([changes?.length, refused]).toEqual([6, "ids"]);
  });
});

describe("two sessions of one user", () => {
  test("[DC13, DC15] who reconnects shows the same again, and the late end of the old session removes nothing", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    expect(table.send("a2", [[1, 5, "x"]])).toEqual({});
    expect(table.leave("a1")).toEqual([]);
    expect(table.states()).toEqual([[1, 5, "x"]]);
    expect(table.leave("a2")).toEqual([[1, 5, null]]);
  });

  test("[DC13] what the old connection still delivers is ignored", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", [[1, 7, "z"]]);
    expect(table.send("a1", [[1, 6, "y"]])).toEqual({});
    expect(table.send("a1", [[1, 7, null]])).toEqual({});
    expect(table.clear("a1")).toEqual([]);
    expect(table.states()).toEqual([[1, 7, "z"]]);
  });

  test("[DC13] an old session that says something newer is heard, but keeps nothing", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", [[1, 5, "x"]]);
    expect(table.send("a1", [[1, 6, "y"]])).toEqual({ changes: [[1, 6, "y"]] });
    expect(table.leave("a1")).toEqual([]);
    expect(table.leave("a2")).toEqual([[1, 6, null]]);
  });

  test("[DC13] a newer tab that hands back what it was sent takes nothing", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", [[2, 0, "tab"]]);
    expect(table.send("a2", [[1, 5, "x"]])).toEqual({});
    expect(table.leave("a2")).toEqual([[2, 0, null]]);
    expect(table.states()).toEqual([[1, 5, "x"]]);
  });

  test("[DC13] a tab that hands on another's state before the other does takes nothing", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", [[2, 0, "tab"]]);
    expect(table.send("a2", [[1, 6, "y"]])).toEqual({ changes: [[1, 6, "y"]] });
    expect(table.send("a1", [[1, 6, "y"]])).toEqual({});
    expect(table.leave("a2")).toEqual([[2, 0, null]]);
    expect(table.leave("a1")).toEqual([[1, 6, null]]);
  });

  test("[DC13] a tab that has lost sight of another removes nothing", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", [[2, 0, "tab"]]);
    expect(table.send("a2", [[1, 5, null]])).toEqual({});
    expect(table.states()).toContainEqual([1, 5, "x"]);
  });

  test("[DC13] a session that showed nothing at first takes its id by a higher clock", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", []);
    table.send("a2", [[1, 6, "y"]]);
    expect(table.leave("a1")).toEqual([]);
    expect(table.states()).toEqual([[1, 6, "y"]]);
  });

  test("a session that subscribes anew keeps what it shows and may take over again", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.enter("a2", "ada");
    table.send("a2", [[2, 0, "y"]]);
    table.enter("a1", "ada");
    expect(table.states()).toHaveLength(2);
    table.send("a1", [[2, 0, "y"]]);
    expect(table.leave("a2")).toEqual([]);
  });
});

describe("removals", () => {
  test("[DC15] a session's states are removed with the clock they had", () => {
    const table = createTable();
    table.send("a1", [
      [1, 5, "x"],
      [2, 0, "y"],
    ]);
    table.send("b1", [[3, 1, "z"]]);
    expect(table.clear("a1")).toEqual([
      [1, 5, null],
      [2, 0, null],
    ]);
    expect(table.clear("a1")).toEqual([]);
    expect(table.states()).toEqual([[3, 1, "z"]]);
  });

  test("[DC16] a state not above its removal is answered by it, one above it is shown", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.clear("a1", 1_000);
    expect(table.send("a1", [[1, 5, "x"]], 2_000)).toEqual({ answers: [[1, 5, null]] });
    expect(table.send("a1", [[1, 3, "x"]], 2_000)).toEqual({ answers: [[1, 5, null]] });
    expect(table.send("a1", [[1, 5, null]], 2_000)).toEqual({});
    expect(table.send("a1", [[1, 6, "y"]], 2_000)).toEqual({ changes: [[1, 6, "y"]] });
    expect(table.send("a1", [[1, 7, "z"]], 2_000)).toEqual({ changes: [[1, 7, "z"]] });
  });

  test("[DC16] removals are remembered for 10 minutes", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]]);
    table.clear("a1", 0);
    expect(table.send("a1", [[1, 5, "x"]], 599_999)).toEqual({ answers: [[1, 5, null]] });
    expect(table.send("a1", [[1, 5, "x"]], 600_000)).toEqual({ changes: [[1, 5, "x"]] });
  });

  test("[DC16] no more than 10,000 are remembered, the newest", () => {
    const table = createTable();
    for (let id = 0; id < 10_001; id += 1)
      table.send("a1", [
        [id, 1, "x"],
        [id, 1, null],
      ]);
    expect(table.states(0)).toHaveLength(10_000);
    expect(table.send("b1", [[1, 1, "x"]])).toEqual({});
    expect(table.send("b1", [[0, 1, "x"]])).toEqual({ changes: [[0, 1, "x"]] });
  });

  test("what has been removed since a time is told with the states", () => {
    const table = createTable();
    table.send("a1", [[1, 5, "x"]], 0);
    table.clear("a1", 10);
    table.send("b1", [[2, 0, "y"]], 0);
    expect(table.states(11)).toEqual([[2, 0, "y"]]);
    expect(table.states(10)).toEqual([
      [2, 0, "y"],
      [1, 5, null],
    ]);
    table.send("a1", [[1, 6, "again"]], 20);
    expect(table.states(10)).toEqual([
      [2, 0, "y"],
      [1, 6, "again"],
    ]);
  });
});
