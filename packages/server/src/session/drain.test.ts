import { createTestServer, probe } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

async function start() {
  const board = probe("board:{id}", { history: {} });
  const server = await createTestServer({ topics: { board } });
  onTestFinished(() => server.close());
  return server;
}

describe("a server that stops", () => {
  test("[G1] [G2] tells everybody, serves them as before, and closes who is left with 1012 within its grace", async () => {
    const server = await start();
    const clients = [];
    for (const user of ["ada", "bob", "cy"]) clients.push(await server.connect(user));
    const [ada, bob] = clients as [(typeof clients)[0], (typeof clients)[0]];
    await ada.ask({ type: "subscribe", topic: "board:1" });
    const startedMs = server.clock.monotonicMs();
    const closing = server.close({ graceMs: 4_000 });
    await server.settle(500);
    const delays = clients.map((client) => client.all("goaway")[0]!.reconnectAfterMs);
    expect(new Set(delays).size).toBe(3);
    for (const delayMs of delays) expect(delayMs).toBeLessThanOrEqual(2_000);
    await bob.ask({ type: "publish", topic: "board:1", event: "e" });
    await ada.next("push");
    bob.close();
    await closing;
    for (const client of [ada, clients[2]!]) expect(await client.ended()).toMatchObject({ code: 1012 });
    expect(server.clock.monotonicMs() - startedMs).toBeLessThanOrEqual(4_100);
  });

  test("waits for nobody when nobody is there, or everybody has left", async () => {
    const server = await start();
    const ada = await server.connect("ada");
    const startedMs = server.clock.monotonicMs();
    const closing = server.close({ graceMs: 5_000 });
    await ada.next("goaway");
    ada.close();
    await closing;
    expect(server.clock.monotonicMs() - startedMs).toBeLessThan(200);
  });

  test("[W1] says nothing to a connection that has not been welcomed, and closes it", async () => {
    const server = await start();
    const stranger = await server.open();
    await server.close({ graceMs: 5_000 });
    expect(await stranger.ended()).toMatchObject({ code: 1012 });
    expect(stranger.received).toEqual([]);
  });

  test("closing twice is closing once", async () => {
    const server = await start();
    await server.connect("ada");
    await Promise.all([server.close(), server.close()]);
    await server.close();
  });
});
