import { PlexlineError } from "@plexline/protocol";
import { createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import { withDeadline } from "./deadline.ts";

const code = (error: unknown) => (error as PlexlineError).code;

describe("work with a deadline", () => {
  test.each([
    ["a value", () => 1, 1],
    ["a promise", async () => 1, 1],
    ["nothing", () => undefined, undefined],
  ])("passes on %s and leaves no timer behind", async (_name, work, expected) => {
    const clock = createTestClock();
    expect(await withDeadline<number | undefined>(clock, 100, work)).toBe(expected);
    expect(clock.pendingTimers).toBe(0);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("secret");
      },
    ],
    ["rejects", () => Promise.reject(new Error("secret"))],
    [
      "throws what is no error",
      () => {
        throw "secret";
      },
    ],
  ])("[X7] work that %s becomes HANDLER_FAILED without its text", async (_name, work) => {
    const clock = createTestClock();
    const error = await withDeadline(clock, 100, work).catch((reason: unknown) => reason);
    expect(code(error)).toBe("HANDLER_FAILED");
    expect(JSON.stringify((error as PlexlineError).toBody())).not.toContain("secret");
    expect((error as Error).cause).toBeDefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test("an error that was raised on purpose is passed on", async () => {
    const refusal = new PlexlineError("PAYLOAD_INVALID");
    await expect(withDeadline(createTestClock(), 100, () => Promise.reject(refusal))).rejects.toBe(refusal);
  });

  test("[C2] work that never settles is answered HANDLER_TIMEOUT exactly at its deadline", async () => {
    const clock = createTestClock();
    let answer: unknown;
    const waiting = withDeadline(clock, 100, () => new Promise(() => {})).catch((error: unknown) => {
      answer = error;
    });
    clock.advance(99);
    await Promise.resolve();
    expect(answer).toBeUndefined();
    clock.advance(1);
    await waiting;
    expect(code(answer)).toBe("HANDLER_TIMEOUT");
  });

  test("work that settles after its deadline changes nothing any more", async () => {
    const clock = createTestClock();
    let settle: (value: number) => void = () => {};
    const waiting = withDeadline(
      clock,
      100,
      () =>
        new Promise<number>((resolve) => {
          settle = resolve;
        }),
    );
    clock.advance(100);
    settle(1);
    await expect(waiting).rejects.toMatchObject({ code: "HANDLER_TIMEOUT" });
  });
});
