import { describe, expect, test } from "vitest";
import { createLogger, type LoggerOptions } from "./pino.ts";

const SECRET = "s3cr3t-value-that-must-not-show";

function capture(options: LoggerOptions = {}) {
  const lines: string[] = [];
  const log = createLogger({ ...options, destination: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "") as Record<string, unknown> };
}

describe("createLogger", () => {
  test("a line has an ISO timestamp, its level as a word, an action and the fields, and nothing else", () => {
    const { log, last } = capture();
    log.info({ action: "ws.connect", userId: "ada", connectionId: "c1" });
    expect(last()).toEqual({
      level: "info",
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      action: "ws.connect",
      userId: "ada",
      connectionId: "c1",
    });
  });

  test("lines below the level are not written and their fields not read", () => {
    const { log, lines } = capture({ level: "warn" });
    let read = false;
    log.info({
      get action() {
        read = true;
        return "x";
      },
    });
    log.warn({ action: "kept" });
    expect(lines).toHaveLength(1);
    expect(read).toBe(false);
  });

  test("a child adds its fields to every line, redacted; the line's own fields win", () => {
    const { log, last } = capture();
    const child = log.child({ action: "ws", connectionId: "c1", token: SECRET }).child({ topic: "room:1" });
    child.error({ action: "ws.error", connectionId: "c2" }, "it failed");
    expect(last()).toMatchObject({
      level: "error",
      action: "ws.error",
      connectionId: "c2",
      topic: "room:1",
      token: "[redacted]",
      message: "it failed",
    });
  });

  test("a line without an action gets one", () => {
    const { log, last } = capture();
    log.info({ x: 1 });
    expect(last().action).toBe("log");
  });

  test("a field cannot pose as the line's level, time or message", () => {
    const { log, lines, last } = capture();
    log.info({ action: "a", level: "error", timestamp: "1970", message: "forged" }, "real");
    expect(last()).toMatchObject({
      level: "info",
      level_: "error",
      timestamp_: "1970",
      message: "real",
      message_: "forged",
    });
    expect(lines[0]?.match(/"level":/g)).toHaveLength(1);
  });

  test.each([
    "a\nb",
    'a\r\n{"level":"error"}',
    "\u001b[31mred\u001b[0m",
    "x\u2028y",
    "z".repeat(1 << 20),
    "\ud800",
  ])("hostile text is one line of valid JSON (%#)", (text) => {
    const { log, lines, last } = capture();
    log.info({ action: "ws.connect", name: text, [text.slice(0, 50)]: 1, error: new Error(text) }, text);
    expect(lines).toHaveLength(1);
    for (const character of ["\n", "\r", "\u001b", "\u2028"])
      expect(lines[0]?.trimEnd()).not.toContain(character);
    expect(lines[0]?.length).toBeLessThan(8 * 1024);
    expect(last().action).toBe("ws.connect");
  });

  test("the stack of an error is written at debug only", () => {
    const quiet = capture({ level: "info" });
    quiet.log.error({ action: "ws.error", error: new Error("no") });
    expect(quiet.last().error).toEqual({ name: "Error", message: "no" });
    const talkative = capture({ level: "debug" });
    talkative.log.error({ action: "ws.error", error: new Error("no") });
    expect((talkative.last().error as { stack: string }).stack).toContain("pino.test");
  });

  test("a destination that fails does not reach the caller", () => {
    const log = createLogger({
      destination: {
        write: () => {
          throw new Error("EPIPE");
        },
      },
    });
    expect(() => log.error({ action: "x" })).not.toThrow();
  });
});

describe("pretty lines", () => {
  test("a person reads time, level, action, message and fields", () => {
    const { log, lines } = capture({ pretty: true });
    log.warn({ action: "ws.unknown", type: "hey you", count: 2 }, "unknown message");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    const text = lines[0]?.replace(/\u001b\[\d+m/g, "");
    expect(text).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} warn {2}ws\.unknown unknown message type="hey you" count=2\n$/,
    );
  });

  test("what a client sent cannot steer the terminal", () => {
    const { log, lines } = capture({ pretty: true, level: "debug" });
    log.info({ action: "a\u001b[2Jb", name: "\u001b[31mred\nx", error: new Error("\u001b[2J") }, "\u001b[2J");
    expect(lines[0]).not.toContain("\u001b[2J");
    expect(lines[0]).not.toContain("\u001b[31m");
    expect(lines[0]).toContain("    at ");
  });
});
