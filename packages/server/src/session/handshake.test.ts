import { createTestServer, probe, type RawClient, type TestServerOptions } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

async function start(options: Partial<TestServerOptions> = {}) {
  const server = await createTestServer({
    topics: { board: probe("board:{id}", { history: {} }) },
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

/** What a refused connection was told, and how it ended. */
async function refusal(client: RawClient) {
  const { code, reason } = await client.ended();
  return { error: client.all("error").at(-1)?.error.code, code, reason };
}

describe("opening a session", () => {
  test("[H6] [W1] [W2] [W4] [W5] hello is answered with welcome, once and first", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    const welcome = await ada.next("welcome");
    expect(ada.received).toEqual([welcome]);
    expect(welcome).toMatchObject({
      resumed: false,
      resumeWindowMs: 60_000,
      user: "ada",
      tenant: "default",
      heartbeatIntervalMs: 30_000,
      heartbeatDeadlineMs: 35_000,
      limits: { messageBytesMax: 65_536, subscriptionsMax: 128, messagesPerSecondMax: 60 },
      topics: { board: { feature: "probe", template: "board:{id}" } },
    });
    expect(welcome).not.toHaveProperty("expiresAtMs");
    expect(welcome.sessionId).not.toBe(welcome.resumeToken);
  });

  test("[L10] [W4] welcome tells the limits that the operator set, and when the token ends", async () => {
    const server = await start({ limits: { subscriptionsMax: 3, resumeWindowMs: 5_000 } });
    const expiresAtMs = server.clock.nowMs() + 60_000;
    const ada = await server.connect("ada", { token: server.issue("ada", { expiresAtMs }) });
    const welcome = await ada.next("welcome");
    expect(welcome).toMatchObject({ resumeWindowMs: 5_000, expiresAtMs, limits: { subscriptionsMax: 3 } });
  });

  test("[H2] [H3] a token may come with the upgrade, and the one in hello wins over it", async () => {
    const server = await start();
    const ada = await server.open({ token: server.issue("ada") });
    ada.send({ type: "hello" });
    expect((await ada.next("welcome")).user).toBe("ada");
    const bob = await server.open({ token: server.issue("ada") });
    bob.send({ type: "hello", token: server.issue("bob") });
    expect((await bob.next("welcome")).user).toBe("bob");
  });

  test.each([
    ["no token", undefined, "TOKEN_MISSING"],
    ["a bad token", "nonsense", "TOKEN_INVALID"],
  ])("[H9] %s ends the connection with 4401", async (_name, token, code) => {
    const server = await start();
    const client = await server.open();
    client.send({ type: "hello", ...(token === undefined ? {} : { token }) });
    expect(await refusal(client)).toMatchObject({ error: code, code: 4401 });
    expect(client.all("welcome")).toEqual([]);
  });

  test("[H9] an expired token ends the connection with 4401, and a fresh one opens the next", async () => {
    const server = await start();
    const token = server.issue("ada", { expiresAtMs: server.clock.nowMs() });
    const late = await server.connect("ada", { token });
    expect(await refusal(late)).toMatchObject({ error: "TOKEN_EXPIRED", code: 4401 });
    await (await server.connect("ada")).next("welcome");
  });

  test.each([
    ["a request", { type: "subscribe", ref: 1, topic: "board:1" }],
    ["a ping", { type: "ping" }],
    ["a binary message", Uint8Array.of(1, 1)],
  ])("[H6] %s before hello is refused with HELLO_REQUIRED and 4400", async (_name, message) => {
    const server = await start();
    const client = await server.open({ token: server.issue("ada") });
    client.send(message);
    expect(await refusal(client)).toMatchObject({ error: "HELLO_REQUIRED", code: 4400 });
  });

  test("[H6] a request right behind hello, before welcome, is refused too", async () => {
    const server = await start();
    const client = await server.open();
    client.send({ type: "hello", token: server.issue("ada") });
    client.send({ type: "subscribe", ref: 1, topic: "board:1" });
    expect(await refusal(client)).toMatchObject({ error: "HELLO_REQUIRED", code: 4400 });
  });

  test("[H8] a second hello is refused with HELLO_REPEATED and 4400", async () => {
    const server = await start();
    const token = server.issue("ada");
    const ada = await server.connect("ada", { token });
    ada.send({ type: "hello", token });
    expect(await refusal(ada)).toMatchObject({ error: "HELLO_REPEATED", code: 4400 });
    const eager = await server.open();
    eager.send({ type: "hello", token });
    eager.send({ type: "hello", token });
    expect(await refusal(eager)).toMatchObject({ error: "HELLO_REPEATED", code: 4400 });
  });

  test("[H7] whoever has not authenticated within 10 seconds is closed with 4508", async () => {
    const server = await start();
    const silent = await server.open();
    await server.settle(9_990);
    expect(silent.closed).toBeUndefined();
    await server.settle(10);
    expect(await refusal(silent)).toMatchObject({ error: "HANDSHAKE_TIMEOUT", code: 4508 });
  });

  test("[H7] neither a hello that is still being checked nor anything else extends the time", async () => {
    const server = await start({ auth: { authenticate: () => new Promise(() => {}) } });
    const client = await server.open();
    await server.settle(9_000);
    client.send({ type: "hello", token: "slow" });
    await server.settle(990);
    expect(client.closed).toBeUndefined();
    await server.settle(10);
    expect(await refusal(client)).toMatchObject({ error: "HANDSHAKE_TIMEOUT", code: 4508 });
  });

  test("[H10] the connection over connectionsPerUserMax is refused with 4409, and the others stay", async () => {
    const server = await start({ limits: { connectionsPerUserMax: 2 } });
    const first = await server.connect("ada");
    const second = await server.connect("ada");
    const third = await server.connect("ada");
    expect(await refusal(third)).toMatchObject({ error: "CONNECTIONS_MAX", code: 4409 });
    await (await server.connect("bob")).next("welcome");
    expect([first.closed, second.closed]).toEqual([undefined, undefined]);
    first.close();
    await server.settle();
    await (await server.connect("ada")).next("welcome");
  });

  test("[H11] a hello that does not fit is refused, naming the field and not repeating it", async () => {
    const server = await start();
    const client = await server.open();
    client.send({ type: "hello", client: "x".repeat(129), token: server.issue("ada") });
    const { error } = await client.next("error");
    expect(error).toMatchObject({ code: "MALFORMED_MESSAGE", message: expect.stringContaining("client") });
    expect(error.message).not.toContain("xxx");
    expect((await client.ended()).code).toBe(4400);
  });
});

describe("messages that cannot be read", () => {
  test("[X6] in place of hello one closes with 4400", async () => {
    const server = await start();
    const client = await server.open();
    client.send("{");
    expect(await refusal(client)).toMatchObject({ error: "MALFORMED_MESSAGE", code: 4400 });
  });

  test("[X6] the 16th of a connection closes it with 4400; the 15 before are told and survived", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    for (let count = 1; count <= 15; count += 1) ada.send(count % 2 ? "{" : { type: "unheard-of" });
    await server.settle();
    expect(ada.closed).toBeUndefined();
    expect(
      ada
        .all("error")
        .map(({ error }) => error.code)
        .slice(0, 2),
    ).toEqual(["MALFORMED_MESSAGE", "UNKNOWN_MESSAGE"]);
    await ada.ask({ type: "subscribe", topic: "board:1" });
    ada.send("{");
    expect((await ada.ended()).code).toBe(4400);
    expect(ada.all("error")).toHaveLength(16);
  });

  test("[X1] [X3] a request that does not fit is answered by its reply if its ref can be read, else by error", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    const reply = await ada.request({ type: "publish", topic: "board:1" });
    expect(reply).toMatchObject({
      ok: false,
      error: { code: "MALFORMED_MESSAGE", message: expect.stringContaining("event") },
    });
    ada.send({ type: "publish", ref: "one", topic: "board:1", event: "e" });
    expect(await ada.next("error")).toMatchObject({ error: { code: "MALFORMED_MESSAGE" } });
  });

  test("[X2] a type of the other direction is unknown", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    ada.send({ type: "push", topic: "board:1", event: "e" });
    expect(await ada.next("error")).toMatchObject({ error: { code: "UNKNOWN_MESSAGE" } });
  });

  test("[F2] [L4] [F1] hostile keys and deep nesting are refused before they do anything", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    ada.send('{"type":"publish","topic":"board:1","event":"e","payload":{"__pr\\u006fto__":{}}}');
    expect((await ada.next("error")).error.code).toBe("MALFORMED_MESSAGE");
    const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    ada.send(`{"type":"publish","topic":"board:1","event":"e","payload":${deep(32)}}`);
    expect((await ada.next("error")).error.code).toBe("JSON_TOO_DEEP");
    ada.send(`{"type":"publish","ref":9,"topic":"board:1","event":"e","payload":${deep(31)}}`);
    expect(await ada.next("reply", { ref: 9 })).toMatchObject({ ok: true });
  });

  test("[F3] fields that are not named are ignored; null for an optional one is not", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    await ada.ask({ type: "subscribe", topic: "board:1", later: { version: 2 } });
    expect(await ada.request({ type: "subscribe", topic: "board:1", since: null })).toMatchObject({
      ok: false,
    });
  });

  test("[B3] [B5] binary messages that cannot be read or go nowhere are refused without a reply", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    ada.send(Uint8Array.of(0x80));
    expect((await ada.next("error")).error.code).toBe("MALFORMED_MESSAGE");
    ada.send(Uint8Array.of(99, 1, 2, 3));
    expect((await ada.next("error")).error.code).toBe("NOT_SUBSCRIBED");
    expect(ada.all("reply")).toEqual([]);
  });

  test("[X5] [X8] the close reason is the code and the message, and error alone ends nothing", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    ada.send({ type: "presence", topic: "board:1", state: 1 });
    expect((await ada.next("error")).error.code).toBe("NOT_SUBSCRIBED");
    expect(ada.closed).toBeUndefined();
    ada.send({ type: "hello" });
    expect((await ada.ended()).reason).toMatch(/^HELLO_REPEATED: hello was already answered/);
  });
});
