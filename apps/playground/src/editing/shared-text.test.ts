import { expect, test } from "vitest";
import { Doc } from "yjs";
import { plainTextOf, showObjectsAsText, textOf } from "./shared-text.ts";

test("an embedded object is one character, at first and when it arrives", () => {
  const text = textOf(new Doc());
  text.insert(0, "ab");
  text.insertEmbed(1, { image: "x" });
  expect(plainTextOf(text)).toBe("a\uFFFCb");

  const stop = showObjectsAsText(text);
  const seen: unknown[] = [];
  text.observe(({ delta }) => seen.push(delta));
  text.insertEmbed(0, { image: "y" });
  stop();
  text.insertEmbed(0, { image: "z" });
  expect(seen).toEqual([[{ insert: "\uFFFC" }], [{ insert: { image: "z" } }]]);
  expect(plainTextOf(text)).toHaveLength(text.length);
});
