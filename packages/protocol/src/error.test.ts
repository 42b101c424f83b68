import { expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import type { ErrorCode } from "./error-code.ts";

// Only what a browser's bundle has is imported above, so that the first test sees what a browser sees.

test("without the table an error keeps code, advice and given text, and has a short text of its own", () => {
  const error = new PlexlineError("FORBIDDEN");
  expect(error).toMatchObject({
    code: "FORBIDDEN",
    retry: "never",
    message: "The error is FORBIDDEN.",
    fix: "See its code in PROTOCOL.md.",
    docs: "PROTOCOL.md#forbidden",
  });
  const body = { code: "UPDATE_GAP", message: "m", fix: "f", retryAfterMs: 7 } as const;
  expect(PlexlineError.fromBody(body).toBody()).toEqual(body);
  expect(new PlexlineError("QUEUE_FULL").message).toBe("Too much is waiting for the connection.");
});

test("whoever loads the package has the full text of every code, in the same class", async () => {
  const { ERROR_CODES, PlexlineError: Exported } = await import("./index.ts");
  expect(Exported).toBe(PlexlineError);
  expect(new PlexlineError("FORBIDDEN").message).toBe("This is not allowed, or the topic does not exist.");
  for (const [code, { retry, message, fix }] of Object.entries(ERROR_CODES)) {
    expect(new PlexlineError(code as ErrorCode)).toMatchObject({ code, retry, message, fix });
    expect(message).not.toContain(code);
  }
});

test("foreign errors become a code without their text, and keep it as the cause", () => {
  const cause = new Error("password 123");
  expect(PlexlineError.from(cause)).toMatchObject({ code: "INTERNAL", cause });
  expect(PlexlineError.from(cause, "HANDLER_FAILED").message).not.toContain("123");
  const own = new PlexlineError("TIMEOUT");
  expect(PlexlineError.from(own, "INTERNAL")).toBe(own);
});
