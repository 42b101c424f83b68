import { describe, expect, test } from "vitest";
import type { WireMessage, WireRows } from "./wire-rows.ts";
import { appendWire, clearWire, EMPTY_WIRE, filterWire, WIRE_ROWS_MAX, wireTypes } from "./wire-rows.ts";

function wireOf(...messages: readonly WireMessage[]): WireRows {
  return messages.reduce<WireRows>(
    (wire, message) => appendWire(wire, { direction: "in", message, atMs: 1 }),
    EMPTY_WIRE,
  );
}

describe("a wire row", () => {
  test("names type and topic, and has the rest on one line", () => {
    const { rows } = wireOf({ type: "push", topic: "room:lobby", event: "message", offset: 3 });
    expect(rows[0]).toMatchObject({
      type: "push",
      topic: "room:lobby",
      line: '{"event":"message","offset":3}',
    });
    expect(JSON.parse(rows[0]?.pretty ?? "")).toEqual({
      type: "push",
      topic: "room:lobby",
      event: "message",
      offset: 3,
    });
  });

  test("never shows a token or what resumes a session", () => {
    const shown = JSON.stringify(
      wireOf(
        { type: "hello", token: "secret-1", resume: "secret-2" },
        { type: "refresh", ref: 1, token: "secret-3" },
      ),
    );
    expect(shown).not.toContain("secret");
    expect(shown).toContain("•••");
  });

  test("describes a binary message by its size", () => {
    const { rows } = wireOf({ alias: 4, kind: 1, payload: new Uint8Array(12) });
    expect(rows[0]).toMatchObject({ type: "binary", line: "alias 4, kind 1, 12 bytes" });
  });

  test("is cut when the message is long", () => {
    const payload = "x".repeat(100_000);
    const { rows } = wireOf({ type: "publish", topic: "t", event: "message", payload });
    expect(rows[0]?.line.length).toBeLessThan(500);
    expect(rows[0]?.pretty.length).toBeLessThan(17_000);
  });
});

test("only the newest rows are kept, and ids go on counting after a clear", () => {
  const wire = wireOf(...Array.from({ length: WIRE_ROWS_MAX + 5 }, () => ({ type: "ping" }) as const));
  expect(wire.rows).toHaveLength(WIRE_ROWS_MAX);
  expect(wire.rows[0]?.id).toBe(6);
  const cleared = clearWire(wire);
  expect(cleared.rows).toEqual([]);
  expect(cleared.nextId).toBe(wire.nextId);
});

test("filters leave heartbeats out, or one type in", () => {
  const { rows } = wireOf({ type: "ping" }, { type: "goaway", reconnectAfterMs: 5 }, { type: "pong" });
  expect(filterWire(rows, "all")).toHaveLength(3);
  expect(filterWire(rows, "no-heartbeat").map((row) => row.type)).toEqual(["goaway"]);
  expect(filterWire(rows, "type:pong").map((row) => row.type)).toEqual(["pong"]);
  expect(wireTypes(rows)).toEqual(["goaway", "ping", "pong"]);
});
