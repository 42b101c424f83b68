import type { ConnectionStatus } from "@plexline/client";
import { signal } from "@preact/signals";
import { afterEach, expect, test, vi } from "vitest";
import { createServerRestart } from "./server-restart.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function connected(): ConnectionStatus {
  return { state: "connected", sessionId: "s", resumed: true, user: "ada" };
}

function setUp(answer: () => Promise<Response>) {
  const fetch = vi.fn(answer);
  vi.stubGlobal("fetch", fetch);
  const status = signal<ConnectionStatus>(connected());
  return { fetch, status, restart: createServerRestart([{ status }]) };
}

const accepted = () => Promise.resolve(new Response(null, { status: 202 }));

test("asks once, and is done when a line is back", async () => {
  const { fetch, status, restart } = setUp(accepted);
  restart.ask();
  restart.ask();
  expect(fetch).toHaveBeenCalledTimes(1);
  status.value = { state: "disconnected" };
  await Promise.resolve();
  expect(restart.state.value).toBe("restarting");
  status.value = connected();
  await expect.poll(() => restart.state.value).toBe("idle");
});

test("is free again after a while when nobody is connected to see it", () => {
  vi.useFakeTimers();
  const { status, restart } = setUp(accepted);
  status.value = { state: "disconnected" };
  restart.ask();
  vi.advanceTimersByTime(60_000);
  expect(restart.state.value).toBe("idle");
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ["a refusal", () => Promise.resolve(new Response(null, { status: 404 }))],
  ["a server that is away", () => Promise.reject(new TypeError("Failed to fetch"))],
])("%s is told, and can be tried again", async (_name, answer) => {
  const { restart } = setUp(answer);
  restart.ask();
  await expect.poll(() => restart.state.value).toBe("failed");
  restart.ask();
  expect(restart.state.value).toBe("restarting");
  restart.close();
});
