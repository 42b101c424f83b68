import { afterEach, expect, test } from "vitest";
import { Awareness } from "y-protocols/awareness";
import { createRelativePositionFromTypeIndex, Doc } from "yjs";
import { createCursorAwareness } from "./cursor-awareness.ts";

const made: Awareness[] = [];
afterEach(() => {
  for (const awareness of made.splice(0)) awareness.destroy();
});

function cursorAwareness() {
  const doc = new Doc();
  doc.getText("content").insert(0, "some text");
  const awareness = new Awareness(doc);
  made.push(awareness);
  const position = JSON.parse(
    JSON.stringify(createRelativePositionFromTypeIndex(doc.getText("content"), 3)),
  ) as unknown;
  return { awareness, cursors: createCursorAwareness(awareness), position };
}

test("a cursor is shown with its user's name and a colour of the page", () => {
  const { awareness, cursors, position } = cursorAwareness();
  const cursor = { anchor: position, head: position };
  awareness.states.set(7, { user: { name: "Alan", color: "#a63c1a", colorLight: "#a63c1a33" }, cursor });
  expect(cursors.getStates().get(7)).toEqual({
    cursor,
    user: {
      name: "Alan",
      hue: "rust",
      color: "var(--hue-rust)",
      colorLight: "color-mix(in srgb, var(--hue-rust) 25%, transparent)",
    },
  });
});

test("a colour that is style never comes through", () => {
  const { awareness, cursors, position } = cursorAwareness();
  const user = { name: "Eve", color: "red;position:fixed", colorLight: "red;inset:0" };
  awareness.states.set(7, { user, cursor: { anchor: position, head: position } });
  expect(JSON.stringify(cursors.getStates().get(7))).not.toMatch(/position:fixed|inset/);
});

test.each([5, "x", {}, { anchor: 5, head: 5 }, { anchor: {}, head: {} }, { anchor: { type: 5 }, head: {} }])(
  "the cursor %j is left out",
  (cursor) => {
    const { awareness, cursors } = cursorAwareness();
    awareness.states.set(7, { user: { name: "Eve" }, cursor });
    expect(cursors.getStates().get(7)).toEqual({});
  },
);
