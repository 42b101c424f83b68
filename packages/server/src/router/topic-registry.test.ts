import { describe, expect, test } from "vitest";
import type { Feature } from "../feature/feature.ts";
import { createTopicRegistry } from "./topic-registry.ts";

const feature = (template: string, name = "channel"): Feature => ({
  feature: name,
  template,
  roles: {},
  defaultRole: "",
  open: () => ({ onMessage() {} }),
});

describe("the topic registry", () => {
  const board = feature("board:{id}");
  const chat = feature("chat:{room}:{thread}", "chat");
  const registry = createTopicRegistry({ board, chat });

  test("[A2] finds the owner of a topic with its params", () => {
    expect(registry.find("board:7:x")).toEqual({ feature: board, params: { id: "7:x" } });
    expect(registry.find("chat:a:b:c")).toEqual({ feature: chat, params: { room: "a", thread: "b:c" } });
  });

  test.each(["board", "board:", "boards:1", "chat:a"])("[S1] nobody owns %s", (topic) => {
    expect(() => registry.find(topic)).toThrowError(expect.objectContaining({ code: "TOPIC_UNKNOWN" }));
  });

  test("makes the address of a name, and knows no other names", () => {
    expect(registry.address("board", { id: "7" })).toBe("board:7");
    expect(() => registry.address("toString", {})).toThrowError(
      expect.objectContaining({ code: "TOPIC_UNKNOWN" }),
    );
  });

  test("[W5] tells clients the names with feature and template", () => {
    expect(registry.descriptions).toEqual({
      board: { feature: "channel", template: "board:{id}" },
      chat: { feature: "chat", template: "chat:{room}:{thread}" },
    });
  });

  test.each([
    ["board:{id}", "board:{other}"],
    ["board:{id}", "board:7"],
    ["{all}", "board:{id}"],
  ])("[A2] %s and %s cannot both be served", (one, other) => {
    expect(() => createTopicRegistry({ one: feature(one), other: feature(other) })).toThrow(
      /topics\.other .* and topics\.one .* could own the same topic/,
    );
  });
});
