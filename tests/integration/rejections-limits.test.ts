import { channel } from "@plexline/features/server";
import { type App, type Feature, type Limits, noAuth } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { beside, eventually, expectError, startServer } from "./server-fixture.ts";

// Too many of anything, and peers that do not keep up: told with code, reason and fix, at nobody else's cost.

const KIB = 1_024;

/** Answers a call when the test says so. */
function createHeld() {
  const waiting: (() => void)[] = [];
  const feature: Feature = {
    feature: "held",
    template: "held:{id}",
    roles: { controller: ["subscribe", "publish", "call"] },
    defaultRole: "controller",
    open: () => ({ onMessage: () => new Promise<void>((resolve) => waiting.push(resolve)) }),
  };
  return { feature, waiting };
}

function start(limits: Partial<Limits>, topics: App["topics"] = {}) {
  const room = channel("room:{id}", { history: { entriesMax: 100_000 } });
  return startServer({ limits, topics: { room, ...topics } });
}

describe("too many messages", () => {
  const limits = { messagesPerSecondMax: 20, messagesBurstMax: 30, rateExcessMaxMs: 400 };

  test("are answered RATE_LIMITED with the time to wait [L6], and after too long close with 4529 [L7]", async () => {
    const server = await start(limits);
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("mallory");
      const startedMs = performance.now();
      let ref = 0;
      const flood = setInterval(() => {
        for (let i = 0; i < 5; i++) raw.send({ type: "publish", ref: ++ref, topic: "room:1", event: "e" });
      }, 10);
      const { code, reason } = await raw.closed;
      clearInterval(flood);
      const error = await raw.refusal("RATE_LIMITED");
      expectError(error, "RATE_LIMITED");
      expect(error.retryAfterMs).toBeGreaterThan(0);
      expect(code).toBe(4529);
      expect(reason).toMatch(/^RATE_LIMITED: .{10,}/);
      expect(performance.now() - startedMs).toBeGreaterThanOrEqual(limits.rateExcessMaxMs);
    });
  });

  test("of a client of ours are sent again after that time, and none is lost or overtaken [L6]", async () => {
    const server = await start({ messagesPerSecondMax: 200, messagesBurstMax: 10 });
    const pushes: unknown[] = [];
    const receiver = server.client("bob").topic("room:1");
    receiver.on("push", ({ payload }) => pushes.push(payload));
    receiver.subscribe();
    await receiver.whenSubscribed();
    await beside(server, async () => {
      const client = server.client("ada");
      const numbers = Array.from({ length: 30 }, (_, index) => index);
      await Promise.all(numbers.map((number) => client.topic("room:1").publish("counted", number)));
      await eventually(() => expect(pushes).toHaveLength(numbers.length));
      expect([...pushes].sort((a, b) => Number(a) - Number(b))).toEqual(numbers);
      expect(client.received).toContainEqual(
        expect.objectContaining({ ok: false, error: expect.objectContaining({ code: "RATE_LIMITED" }) }),
      );
      expect(client.closes).toEqual([]);
    });
  });
});

describe("too many of one user's", () => {
  test("subscriptions are refused, and those that are there stay [S3]", async () => {
    const server = await start({ subscriptionsMax: 2 });
    await beside(server, async () => {
      const client = server.client("mallory");
      const [first, second, third] = ["room:1", "room:2", "room:3"].map((address) => client.topic(address));
      for (const topic of [first, second, third]) topic?.subscribe();
      const error = await third?.whenSubscribed().then(
        () => undefined,
        (reason) => reason,
      );
      expectError(error, "SUBSCRIPTIONS_MAX");
      expect([first?.status.state, second?.status.state]).toEqual(["subscribed", "subscribed"]);
      // One that is given up makes room.
      first?.unsubscribe();
      await eventually(() => expect(server.app.stats().subscriptions).toBe(2));
      third?.subscribe();
      await third?.whenSubscribed();
    });
  });

  test("connections are refused with 4409, and those that are there stay [H10]", async () => {
    const server = await start({ connectionsPerUserMax: 2 });
    await beside(server, async () => {
      const clients = [server.client("mallory"), server.client("mallory")];
      await eventually(() => {
        for (const client of clients) expect(client.status.state).toBe("connected");
      });
      const third = server.client("mallory");
      await eventually(() => expect(third.status.state).toBe("failed"));
      expectError(third.status.state === "failed" ? third.status.reason : undefined, "CONNECTIONS_MAX");
      expectError(third.errors[0], "CONNECTIONS_MAX");
      expect(third.closes).toEqual([4409]);
      for (const client of clients) expect(client.status.state).toBe("connected");
    });
  });

  test("requests in flight are not read, then answered one and all [L9] [D1]", async () => {
    const held = createHeld();
    const limits = { requestsInFlightMax: 8, messagesBurstMax: 1_000, handlerTimeoutMs: 60_000 };
    const server = await start(limits, { held: held.feature });
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("mallory");
      const refs = Array.from({ length: 100 }, (_, index) => index + 1);
      for (const ref of refs) raw.send({ type: "call", ref, topic: "held:1", command: "wait" });
      const answered = () =>
        raw.messages.flatMap((message) => (message.type === "reply" ? [message.ref] : []));
      let running = 0;
      await eventually(() => {
        running = Math.max(running, held.waiting.length);
        for (const done of held.waiting.splice(0)) done();
        expect(answered()).toHaveLength(refs.length);
      });
      expect(answered().sort((a, b) => a - b)).toEqual(refs);
      expect(running).toBeGreaterThan(0);
      expect(running).toBeLessThanOrEqual(2 * limits.requestsInFlightMax);
    });
  });

  test("sessions are none of the others', even with anonymous users", async () => {
    const server = await startServer({ auth: noAuth(), limits: { connectionsPerUserMax: 1 } });
    const clients = ["a", "b", "c"].map((name) => server.client(name));
    await eventually(() => {
      for (const client of clients) expect(client.status.state).toBe("connected");
    });
  });
});

describe("a client that does not read", () => {
  const limits = {
    outboxBytesMax: 256 * KIB,
    socketBufferBytesMax: 64 * KIB,
    messagesPerSecondMax: 100_000,
    messagesBurstMax: 100_000,
  };
  const payload = "x".repeat(32 * KIB);

  test("is closed with 4590 when too much waits, reconnects, and misses nothing [L8] [R8]", async () => {
    const server = await start(limits);
    await beside(server, async () => {
      const slow = server.client("slow");
      const offsets: (number | undefined)[] = [];
      const gaps: unknown[] = [];
      const topic = slow.topic("room:1");
      topic.on("push", ({ offset }) => offsets.push(offset));
      topic.on("gap", (gap) => gaps.push(gap));
      topic.subscribe();
      await topic.whenSubscribed();
      slow.sockets[0]?.pause();

      const isCut = () => server.log.some((line) => line.includes("SLOW_CONSUMER"));
      let published = 0;
      let waitingMax = 0;
      while (!isCut()) {
        await server.app.publish("room:1", "said", payload);
        published += 1;
        waitingMax = Math.max(waitingMax, server.app.stats().messageQueueSize);
        expect(published).toBeLessThan(2_000);
      }
      // Memory is bounded: what waits behind the socket's own buffer never exceeds the outbox.
      expect(waitingMax * payload.length).toBeLessThanOrEqual(limits.outboxBytesMax);
      slow.sockets[0]?.resume();
      await eventually(() => expect(slow.closes).toEqual([4590]));
      await eventually(() => expect(offsets).toHaveLength(published));
      expect(offsets).toEqual(offsets.map((_, index) => index + 1));
      expect(gaps).toEqual([]);
    });
  });

  test("is told once, however full its outbox is [L8]", async () => {
    // Small messages fill the outbox nearly to the last byte, so that the goodbye itself does not fit any more.
    const server = await start({ ...limits, outboxBytesMax: 64 * KIB });
    await beside(server, async () => {
      const raw = server.raw();
      await raw.hello("slow");
      raw.send({ type: "subscribe", ref: 1, topic: "room:1" });
      await raw.first(({ type }) => type === "reply");
      raw.socket.pause();
      while (server.app.stats().messageQueueSize === 0) await server.app.publish("room:1", "said", payload);
      const cuts = () => server.log.filter((line) => line.includes("SLOW_CONSUMER"));
      while (cuts().length === 0) await server.app.publish("room:1", "said", "small");
      raw.socket.resume();
      expect((await raw.closed).code).toBe(4590);
      expect(cuts()).toHaveLength(1);
    });
  });
});
