import { describe, expect, test, vi } from "vitest";
import { createClient } from "./client.ts";
import { clients, codeOf, HandClock, setUp } from "./scripted-server.fixture.ts";
import type { TokenRequest } from "./token.ts";

describe("connection", () => {
  test("connects after the creating code, over ws, with the subprotocol and hello", () => {
    const world = setUp({ token: () => "t1" });
    expect(world.sockets).toHaveLength(0);
    const hello = world.open();
    expect(world.socket.url).toBe("ws://server.test/ws");
    expect(world.socket.protocols).toEqual(["plexline.v1"]);
    expect(hello).toEqual({ type: "hello", client: "plexline-js/0.1.0", token: "t1" });
    expect(world.statuses).toEqual([
      { state: "connecting", attempt: 1 },
      { state: "connected", sessionId: "s1", resumed: false, user: "ada" },
    ]);
  });

  test("does not connect by itself with autoConnect false", () => {
    const world = setUp({ autoConnect: false });
    world.client.topic("a").subscribe();
    world.clock.advance(60_000);
    expect(world.sockets).toHaveLength(0);
    world.client.connect();
    expect(world.sockets).toHaveLength(1);
  });

  test("resumes with the secret of the last welcome and tells whether it did", () => {
    const world = setUp();
    world.open();
    const hello = world.reconnect(true);
    expect(hello).toMatchObject({ resume: "secret-s1" });
    expect(world.client.status).toMatchObject({ state: "connected", resumed: true });
    world.reconnect(false);
    expect(world.client.status).toMatchObject({ state: "connected", resumed: false, sessionId: "s2" });
  });

  test("retries a stable connection within 100 ms, an unstable one with growing full jitter", () => {
    const world = setUp();
    world.open();
    world.clock.advance(10_000);
    world.socket.shut(1012);
    expect(world.client.status).toMatchObject({ state: "disconnected", retryAtMs: world.clock.nowMs() + 50 });
    world.clock.advance(50);
    const delays = [1, 2, 3, 10].map((failures) => {
      while (world.statuses.filter((s) => s.state === "disconnected").length <= failures) {
        world.socket.shut(1006);
        const { retryAtMs } = world.client.status as { retryAtMs: number };
        const delayMs = retryAtMs - world.clock.nowMs();
        world.clock.advance(delayMs);
        if (world.statuses.filter((s) => s.state === "disconnected").length > failures) return delayMs;
      }
      return -1;
    });
    expect(delays).toEqual([250, 500, 1_000, 7_500]);
  });

  test("fails with reason and fix when the close says stop, and connect tries anyway", () => {
    const world = setUp();
    const errors: string[] = [];
    world.client.on("error", (error) => errors.push(error.code));
    world.open();
    world.socket.push({ type: "error", error: { code: "CONNECTIONS_MAX", message: "m", fix: "close tabs" } });
    world.socket.shut(4409);
    expect(world.client.status).toEqual({
      state: "failed",
      reason: { code: "CONNECTIONS_MAX", message: "m", fix: "close tabs" },
    });
    expect(errors).toContain("CONNECTIONS_MAX");
    world.clock.advance(600_000);
    expect(world.sockets).toHaveLength(1);
    world.client.connect();
    expect(world.sockets).toHaveLength(2);
  });

  test("takes the reason from the close reason when no error message came", () => {
    const world = setUp();
    world.open();
    world.socket.shut(4403, "REVOKED: Ada has left the firm.");
    expect(world.client.status).toMatchObject({
      state: "failed",
      reason: { code: "REVOKED", message: "Ada has left the firm." },
    });
  });

  test("fails with a fix when there is no WebSocket or the url cannot be completed", () => {
    vi.stubGlobal("WebSocket", undefined);
    const client = createClient({ url: "/ws", clock: new HandClock() });
    clients.push(client);
    client.connect();
    expect(client.status).toMatchObject({
      state: "failed",
      reason: { fix: expect.stringContaining("full url") },
    });
  });

  test("gives an attempt up after ten seconds and tries again", () => {
    const world = setUp();
    world.clock.advance(0);
    world.clock.advance(9_999);
    expect(world.client.status.state).toBe("connecting");
    world.clock.advance(1);
    expect(world.client.status).toMatchObject({ state: "disconnected", reason: { code: "TIMEOUT" } });
    expect(world.sockets[0]!.closedWith).toBeDefined();
    world.clock.advance(250);
    expect(world.sockets).toHaveLength(2);
  });

  test("keeps goaway's delay as the earliest reconnect, and leaves by itself when it is over", () => {
    const early = setUp();
    early.open();
    early.socket.push({ type: "goaway", reconnectAfterMs: 5_000 });
    early.clock.advance(1_000);
    early.socket.shut(1012);
    early.clock.advance(3_999);
    expect(early.sockets).toHaveLength(1);
    early.clock.advance(1);
    expect(early.sockets).toHaveLength(2);

    const late = setUp();
    late.open();
    late.socket.push({ type: "goaway", reconnectAfterMs: 5_000 });
    late.clock.advance(5_000);
    expect(late.socket.closedWith).toBeDefined();
    late.clock.advance(250);
    expect(late.sockets).toHaveLength(2);
  });

  test("waits at least as long as the error's retryAfterMs", () => {
    const world = setUp();
    world.open();
    world.socket.push({
      type: "error",
      error: { code: "OVERLOADED", message: "m", fix: "f", retryAfterMs: 9_000 },
    });
    world.socket.shut(1013);
    world.clock.advance(8_999);
    expect(world.sockets).toHaveLength(1);
    world.clock.advance(1);
    expect(world.sockets).toHaveLength(2);
  });

  test("answers ping, and drops a connection that has gone silent", () => {
    const world = setUp();
    world.open();
    world.clock.advance(29_999);
    world.socket.push({ type: "ping" });
    world.socket.takeOne("pong");
    world.clock.advance(29_999);
    expect(world.socket.take()).toEqual([]);
    world.clock.advance(1);
    world.socket.takeOne("ping");
    world.clock.advance(9_999);
    expect(world.client.status.state).toBe("connected");
    world.clock.advance(1);
    expect(world.client.status).toMatchObject({ state: "disconnected", reason: { code: "TIMEOUT" } });
    expect(world.socket.closedWith).toBeDefined();
  });

  test("reconnects at once and probes when the page wakes up", () => {
    const listeners = new Map<string, () => void>();
    vi.stubGlobal("addEventListener", (type: string, listener: () => void) => listeners.set(type, listener));
    vi.stubGlobal("removeEventListener", (type: string) => listeners.delete(type));
    const world = setUp();
    world.open();
    listeners.get("online")!();
    world.socket.takeOne("ping");
    world.socket.push({ type: "pong" });
    world.clock.advance(3_000);
    expect(world.client.status.state).toBe("connected");
    listeners.get("pageshow")!();
    world.clock.advance(3_000);
    expect(world.client.status.state).toBe("disconnected");
    listeners.get("online")!();
    world.clock.advance(0);
    expect(world.sockets).toHaveLength(2);
    world.client.close();
    expect(listeners.size).toBe(0);
  });

  test("drop reconnects, disconnect stays offline until connect", () => {
    const world = setUp();
    world.open();
    world.client.drop();
    expect(world.client.status.state).toBe("disconnected");
    world.open(true);
    world.client.disconnect();
    expect(world.client.status).toEqual({ state: "disconnected" });
    world.clock.advance(600_000);
    world.client.topic("a").subscribe();
    expect(world.sockets).toHaveLength(2);
    world.client.connect();
    expect(world.sockets).toHaveLength(3);
  });

  test("a message that cannot be read ends the connection and reconnects", () => {
    const world = setUp();
    world.open();
    world.socket.onmessage?.({ data: "{" });
    expect(world.client.status).toMatchObject({
      state: "disconnected",
      reason: { code: "MALFORMED_MESSAGE" },
    });
  });

  test("close rejects everything pending, ends the topics and never reconnects", async () => {
    const world = setUp();
    world.open();
    const { topic } = world.subscribed("a");
    const other = world.client.topic("b");
    other.subscribe();
    const results = [codeOf(topic.publish("x")), codeOf(topic.call("y")), codeOf(other.whenSubscribed())];
    world.client.close();
    expect(await Promise.all(results)).toEqual(["CLIENT_CLOSED", "CLIENT_CLOSED", "CLIENT_CLOSED"]);
    expect(world.client.pending).toBe(0);
    expect(world.socket.closedWith).toBe(1000);
    expect(topic.status).toMatchObject({ state: "unsubscribed", error: { code: "CLIENT_CLOSED" } });
    expect(await codeOf(topic.publish("x"))).toBe("CLIENT_CLOSED");
    world.client.connect();
    world.clock.advance(600_000);
    expect(world.sockets).toHaveLength(1);
    expect(world.clock.timers).toBe(0);
  });

  test("a status listener that closes the client in the middle of a loss is obeyed", () => {
    const world = setUp();
    world.open();
    world.client.on("status", (status) => {
      if (status.state === "disconnected") world.client.close();
    });
    world.socket.shut();
    world.clock.advance(600_000);
    expect(world.client.status.state).toBe("closed");
    expect(world.sockets).toHaveLength(1);
  });

  test("tells what goes over the wire, in both directions", () => {
    const world = setUp();
    const seen: string[] = [];
    world.client.on("wire", ({ direction, message }) =>
      seen.push(`${direction} ${"type" in message ? message.type : "binary"}`),
    );
    world.open();
    expect(seen).toEqual(["out hello", "in welcome"]);
  });
});

describe("token", () => {
  test("asks again with back-off and tells why when the function throws or has none", () => {
    const asked: TokenRequest[] = [];
    const world = setUp({
      token: (request) => {
        asked.push(request);
        if (request.attempt === 1) throw new Error("no network");
        return request.attempt === 2 ? null : "t3";
      },
    });
    world.clock.advance(0);
    expect(world.client.status).toMatchObject({
      state: "disconnected",
      reason: { code: "TOKEN_MISSING", message: expect.stringContaining("no network") },
    });
    world.clock.advance(125);
    expect(asked).toHaveLength(2);
    world.clock.advance(249);
    expect(asked).toHaveLength(2);
    world.clock.advance(1);
    expect(asked.map(({ reason, attempt }) => `${reason} ${attempt}`)).toEqual([
      "connect 1",
      "connect 2",
      "connect 3",
    ]);
    world.socket.onopen?.({});
    expect(world.socket.takeOne("hello")).toMatchObject({ token: "t3" });
  });

  test("4401 asks for a new token and never loops hot", () => {
    const asked: string[] = [];
    const world = setUp({ token: ({ reason }) => `bad ${asked.push(reason)}` });
    world.clock.advance(0);
    for (let round = 0; round < 6; round++) {
      world.socket.onopen?.({});
      world.socket.push({ type: "error", error: { code: "TOKEN_INVALID", message: "m", fix: "f" } });
      world.socket.shut(4401);
      expect(world.client.status).toMatchObject({ state: "disconnected", reason: { code: "TOKEN_INVALID" } });
      const waitMs = 125 * 2 ** round;
      world.clock.advance(waitMs - 1);
      expect(asked).toHaveLength(round + 1);
      world.clock.advance(1);
    }
    expect(asked).toEqual(["connect", ...Array(6).fill("rejected")]);
  });

  test("an expired token is asked for as expired", () => {
    const asked: string[] = [];
    const world = setUp({ token: ({ reason }) => `t${asked.push(reason)}` });
    world.open();
    world.socket.push({ type: "error", error: { code: "TOKEN_EXPIRED", message: "m", fix: "f" } });
    world.socket.shut(4401);
    world.open(true);
    expect(asked).toEqual(["connect", "expired"]);
  });

  test("token-expiring refreshes in band, and again when that fails", async () => {
    let tokens = 0;
    const world = setUp({ token: async ({ reason }) => `${reason}-${++tokens}` });
    world.clock.advance(0);
    await vi.waitFor(() => expect(world.sockets).toHaveLength(1));
    world.open();
    world.socket.push({ type: "token-expiring", expiresAtMs: 0 });
    await vi.waitFor(() => expect(tokens).toBe(2));
    await Promise.resolve();
    const first = world.socket.takeOne("refresh");
    expect(first).toMatchObject({ token: "expiring-2" });
    world.socket.refuse(first, "INTERNAL");
    world.clock.advance(2_000);
    await vi.waitFor(() => expect(tokens).toBe(3));
    await Promise.resolve();
    expect(world.socket.takeOne("refresh")).toMatchObject({ token: "expiring-3" });
    expect(world.sockets).toHaveLength(1);
  });

  test("a token function that never answers is given up, and its late answer is not used", async () => {
    const answers: ((token: string) => void)[] = [];
    const world = setUp({ token: () => new Promise((resolve) => answers.push(resolve)) });
    world.clock.advance(10_000);
    expect(world.client.status).toMatchObject({ state: "disconnected", reason: { code: "TIMEOUT" } });
    world.clock.advance(125);
    expect(answers).toHaveLength(2);
    answers[0]!("late");
    answers[1]!("t2");
    await vi.waitFor(() => expect(world.sockets).toHaveLength(1));
    world.socket.onopen?.({});
    expect(world.socket.takeOne("hello")).toMatchObject({ token: "t2" });
  });
});
