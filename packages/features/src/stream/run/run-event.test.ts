import { describe, expect, test } from "vitest";
import { parseCursor } from "../cursor.ts";
import { toRunEvent } from "./run-event.ts";

const push = (event: string, payload: unknown, more: object = { offset: 3 }) =>
  toRunEvent({ type: "push", topic: "run:1", event, payload, ...more }, "k3x");
const CURSOR = "0000000000000003_k3x";

describe("[RN5] what a push is told as", () => {
  test("a chunk is told by its type, with its other fields", () => {
    expect(push("chunk", { type: "partial", content: "a", part: "p" })).toEqual({
      type: "partial",
      data: { content: "a", part: "p" },
      cursor: CURSOR,
    });
    expect(push("chunk", { type: "text-delta", id: "1", delta: "x" }, { offset: 3, atMs: 7 })).toEqual({
      type: "text-delta",
      data: { id: "1", delta: "x" },
      cursor: CURSOR,
      atMs: 7,
    });
    expect(parseCursor(CURSOR)).toEqual({ epoch: "k3x", offset: 3 });
  });

  test.each<[string, unknown]>([
    ["text", "a"],
    ["null", null],
    ["a list", [1]],
    ["an object without a type", { content: "a" }],
    ["one whose type is no text", { type: 1 }],
    ["one that would pass for the stream's own", { type: "close", final: 1 }],
    ["one that would pass for a snapshot", { type: "snapshot" }],
    ["one that would pass for another chunk", { type: "chunk", value: 1 }],
    ["one with a cursor of its own", { type: "partial", content: "a", cursor: "mine" }],
    ["one with a sessionId of its own", { type: "partial", content: "a", sessionId: "mine" }],
  ])("%s is told as chunk, whole", (_name, value) => {
    expect(push("chunk", value)).toEqual({ type: "chunk", data: { value }, cursor: CURSOR });
  });

  test.each<[string, string, unknown]>([
    ["request", "request", { id: "c", kind: "cancel" }],
    ["outcome", "outcome", { request: "c", status: "done" }],
    ["ask", "input-request", { id: "a", prompt: "?" }],
    ["producer", "producer", { producer: "p", generation: 0, state: "lost" }],
    ["close", "close", { final: 1 }],
  ])("%s is told as %s", (event, type, payload) => {
    expect(push(event, payload)).toEqual({ type, data: payload, cursor: CURSOR });
  });

  test("what is not in the log, or of no event that is known, is not told", () => {
    expect(push("chunk", { type: "partial", content: "a" }, {})).toBeNull();
    expect(push("other", {})).toBeNull();
  });
});
