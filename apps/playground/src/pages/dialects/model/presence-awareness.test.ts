import { expect, test } from "vitest";
import { Doc } from "yjs";
import { personOfUser } from "../../../session/person.ts";
import { PresenceAwareness } from "./presence-awareness.ts";

function setUp() {
  const awareness = new PresenceAwareness(new Doc(), personOfUser("ada-0a1b2c"));
  const changes: unknown[] = [];
  let cursorTold = 0;
  awareness.on("change", (change: unknown) => changes.push(change));
  awareness.on("cursor", () => {
    cursorTold += 1;
  });
  return { awareness, changes, cursorTold: () => cursorTold };
}

test("the own cursor is told when it moves, and not when it stays", () => {
  const { awareness, cursorTold } = setUp();
  expect(awareness.ownCursor).toBeNull();
  awareness.setLocalStateField("cursor", { anchor: { a: 1 }, head: { a: 1 } });
  awareness.setLocalStateField("cursor", { anchor: { a: 1 }, head: { a: 1 } });
  awareness.setLocalStateField("user", { name: "Ada" });
  expect(cursorTold()).toBe(1);
  awareness.setLocalStateField("cursor", null);
  expect(cursorTold()).toBe(2);
});

test("others come, move and go", () => {
  const { awareness, changes } = setUp();
  const other = awareness.clientID + 1;
  awareness.place(other, "grace-0a1b2c", { anchor: {}, head: {} });
  expect(awareness.states.get(other)).toMatchObject({ user: { name: "Grace" } });
  awareness.place(other, "grace-0a1b2c", { anchor: {}, head: { b: 1 } });
  awareness.place(other, "grace-0a1b2c", null);
  awareness.place(other, "grace-0a1b2c", null);
  expect(changes).toEqual([
    { added: [other], updated: [], removed: [] },
    { added: [], updated: [other], removed: [] },
    { added: [], updated: [], removed: [other] },
  ]);
});

test("a lost connection leaves the own state only, and nobody speaks in its name", () => {
  const { awareness } = setUp();
  awareness.place(awareness.clientID, "mallory", { anchor: {}, head: {} });
  expect(awareness.ownCursor).toBeNull();
  awareness.place(1, "a", {});
  awareness.place(2, "b", {});
  awareness.forget();
  expect([...awareness.getStates().keys()]).toEqual([awareness.clientID]);
});
