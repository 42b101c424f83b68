import { describe, expect, test } from "vitest";
import { applyPresence } from "./presence.ts";

const member = (id: string, state: unknown) => ({ id, user: "ada", state });
const diff = { type: "presence-diff", topic: "t", joins: [], updates: [], leaves: [] } as const;

describe("applying presence", () => {
  test("a presence-state replaces what was known", () => {
    const known = new Map([["a", member("a", 1)]]);
    const next = applyPresence(known, { type: "presence-state", topic: "t", members: [member("b", 2)] });
    expect([...next.keys()]).toEqual(["b"]);
    expect([...known.keys()]).toEqual(["a"]);
  });

  test("[CH13] an update of somebody unknown is a join, a leave of somebody unknown is nothing", () => {
    const next = applyPresence(new Map(), { ...diff, updates: [member("a", 1)], leaves: ["b"] });
    expect([...next.values()]).toEqual([member("a", 1)]);
  });

  test("[CH13] a diff applied twice is a diff applied once", () => {
    const known = new Map([["a", member("a", 1)]]);
    const message = { ...diff, joins: [member("b", 1)], leaves: ["a"] };
    const once = applyPresence(known, message);
    expect(applyPresence(once, message)).toEqual(once);
  });
});
