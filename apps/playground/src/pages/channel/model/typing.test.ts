import { expect, test } from "vitest";
import { expireTyping, heardTyping, mayAnnounce, stoppedTyping, TYPING_EXPIRES_MS } from "./typing.ts";

test("somebody types until three seconds after their last announcement", () => {
  const typing = heardTyping(heardTyping(new Map(), "s1", 0), "s1", 2_000);
  expect([...expireTyping(typing, 2_000 + TYPING_EXPIRES_MS - 1).keys()]).toEqual(["s1"]);
  expect([...expireTyping(typing, 2_000 + TYPING_EXPIRES_MS).keys()]).toEqual([]);
});

test("somebody who said it has stopped typing; others go on", () => {
  const typing = heardTyping(heardTyping(new Map(), "s1", 0), "s2", 0);
  expect([...stoppedTyping(typing, "s1").keys()]).toEqual(["s2"]);
});

test("nothing changed is the same map, so nothing renders", () => {
  const typing = heardTyping(new Map(), "s1", 0);
  expect(expireTyping(typing, 1)).toBe(typing);
  expect(stoppedTyping(typing, "s9")).toBe(typing);
});

test("the number of remembered typists is limited", () => {
  let typing: ReadonlyMap<string, number> = new Map();
  for (let index = 0; index < 80; index += 1) typing = heardTyping(typing, `s${index}`, 0);
  expect(typing.size).toBe(50);
});

test("announcements are at least a second apart", () => {
  expect(mayAnnounce(null, 5)).toBe(true);
  expect(mayAnnounce(1_000, 1_999)).toBe(false);
  expect(mayAnnounce(1_000, 2_000)).toBe(true);
});
