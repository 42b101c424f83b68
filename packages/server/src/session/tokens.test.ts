import { createTestServer, probe, type TestServer } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

async function start() {
  const server = await createTestServer({
    topics: { board: probe("board:{id}", { history: {} }), secret: probe("secret:{id}", { history: {} }) },
  });
  onTestFinished(() => server.close());
  return server;
}

const tokenFor = (server: TestServer, user: string, remainingMs: number, more = {}) =>
  server.issue(user, { expiresAtMs: server.clock.nowMs() + remainingMs, ...more });

describe("a token", () => {
  test("[T4] its end is told once, when 80 % of what was left have passed", async () => {
    const server = await start();
    const ada = await server.connect("ada", { token: tokenFor(server, "ada", 100_000) });
    const { expiresAtMs } = await ada.next("welcome");
    await server.settle(79_000);
    expect(ada.all("token-expiring")).toEqual([]);
    await server.settle(1_000);
    await server.settle(19_000);
    expect(ada.all("token-expiring")).toEqual([{ type: "token-expiring", expiresAtMs }]);
  });

  test("[T5] its end ends the connection with TOKEN_EXPIRED and 4401, and the session can be resumed with a new one", async () => {
    const server = await start();
    const ada = await server.connect("ada", { token: tokenFor(server, "ada", 10_000) });
    const { resumeToken, sessionId } = await ada.next("welcome");
    await server.settle(10_000);
    expect((await ada.ended()).code).toBe(4401);
    expect(ada.all("error").at(-1)?.error.code).toBe("TOKEN_EXPIRED");
    const back = await server.connect("ada", { resume: resumeToken });
    expect(await back.next("welcome")).toMatchObject({ resumed: true, sessionId });
  });

  test("[T1] a refresh replaces it in band: the old end passes, the new one counts", async () => {
    const server = await start();
    const ada = await server.connect("ada", { token: tokenFor(server, "ada", 10_000) });
    await server.settle(8_000);
    await ada.next("token-expiring");
    const token = tokenFor(server, "ada", 20_000);
    expect(await ada.request({ type: "refresh", token })).toMatchObject({ ok: true });
    await server.settle(15_900);
    expect(ada.closed).toBeUndefined();
    expect(ada.all("token-expiring")).toHaveLength(1);
    await server.settle(200);
    expect(ada.all("token-expiring")).toHaveLength(2);
    await server.settle(4_000);
    expect((await ada.ended()).code).toBe(4401);
  });

  test("[T1] subscriptions that the new token does not allow end with unsubscribed, the others go on", async () => {
    const server = await start();
    const record = { tenant: "default", owner: null, editors: [], viewers: [], openToTenant: true };
    await server.app.records.set({ ...record, topic: "secret:1", clearance: 5 });
    await server.app.records.set({ ...record, topic: "secret:2", clearance: 0 });
    const ada = await server.connect("ada", { token: server.issue("ada", { clearance: 5 }) });
    for (const topic of ["secret:1", "secret:2"]) await ada.ask({ type: "subscribe", topic });
    await ada.request({ type: "refresh", token: server.issue("ada", { clearance: 4 }) });
    expect(await ada.next("unsubscribed")).toMatchObject({ topic: "secret:1", error: { code: "REVOKED" } });
    await server.app.publish("secret:1", "e", 1);
    await server.app.publish("secret:2", "e", 2);
    await server.settle();
    expect(ada.all("push").map(({ topic }) => topic)).toEqual(["secret:2"]);
  });

  test.each([
    ["another user", "bob", {}],
    ["another tenant", "ada", { tenant: "acme" }],
    ["a service of the same name", "ada", { kind: "service" }],
  ] as const)(
    "[T2] a token of %s is answered FORBIDDEN and the old one stays in force",
    async (_name, user, more) => {
      const server = await start();
      const ada = await server.connect("ada");
      const reply = await ada.request({ type: "refresh", token: server.issue(user, more) });
      expect(reply).toMatchObject({ ok: false, error: { code: "FORBIDDEN" } });
      await ada.ask({ type: "subscribe", topic: "board:1" });
      await ada.ask({ type: "publish", topic: "board:1", event: "e" });
      expect((await ada.next("push")).user).toBe("ada");
    },
  );

  test("[T3] a refused one leaves the old one in force until it ends", async () => {
    const server = await start();
    const ada = await server.connect("ada", { token: tokenFor(server, "ada", 10_000) });
    expect(await ada.request({ type: "refresh", token: "nonsense" })).toMatchObject({
      error: { code: "TOKEN_INVALID" },
    });
    const expired = server.issue("ada", { expiresAtMs: 1 });
    expect(await ada.request({ type: "refresh", token: expired })).toMatchObject({
      error: { code: "TOKEN_EXPIRED" },
    });
    await server.settle(9_900);
    expect(ada.closed).toBeUndefined();
    await server.settle(200);
    expect((await ada.ended()).code).toBe(4401);
  });
});
