import { createMemoryBus, type Endpoint, type Principal } from "@plexline/server";
import { createTestClock, createTestServer, probe, type TestServer } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";

// Asked over HTTP, which is where an endpoint's context comes from; all else has the test's clock.

const endpoint: Endpoint = {
  path: "/reset/:topic",
  async onRequest(_request, context) {
    try {
      return Response.json(await context.reset(context.params.topic ?? ""));
    } catch (error) {
      return Response.json({ code: (error as { code: string }).code });
    }
  },
};

/** Two nodes with one storage; the second is asked to reset. */
async function start() {
  const clock = createTestClock();
  const { connect } = createMemoryBus();
  const topics = () => ({
    board: probe("board:{id}", { history: {} }),
    passing: probe("passing:{id}"),
  });
  const a = await createTestServer({ topics: topics(), clock, broker: connect(), seed: 1 });
  const b = await createTestServer({
    topics: topics(),
    clock,
    broker: connect(),
    seed: 2,
    storage: a.storage,
    endpoints: [endpoint],
  });
  const { url } = await b.app.listen(0);
  onTestFinished(async () => {
    await a.close();
    await b.close();
  });
  const reset = async (user: string, topic = "board:1", principal: Partial<Principal> = {}) => {
    const headers = { authorization: `Bearer ${b.issue(user, principal)}` };
    return (await fetch(`${url}/reset/${topic}`, { headers })).json();
  };
  return { a, b, reset };
}

const publish = (server: TestServer, event: string) => server.app.publish("board:1", event, null);

describe("the end of a topic's history", () => {
  test("[R9] begins another epoch, and tells subscribers on every node by gap", async () => {
    const { a, b, reset } = await start();
    const [ada, bob] = [await a.connect("ada"), await b.connect("bob")];
    for (const client of [ada, bob]) await client.ask({ type: "subscribe", topic: "board:1" });
    const { position: before } = await publish(a, "old");
    await a.settle(10);
    const position = await reset("ada");
    expect(position).toEqual({ epoch: expect.any(String), offset: 0 });
    expect(position.epoch).not.toBe(before?.epoch);
    await a.settle(10);
    for (const client of [ada, bob])
      expect(client.all("gap")).toEqual([{ type: "gap", topic: "board:1", position, reason: "reset" }]);
    // What follows is of the new log, and reaches both.
    const { position: after } = await publish(b, "new");
    expect(after).toEqual({ epoch: position.epoch, offset: 1 });
    await a.settle(10);
    for (const client of [ada, bob])
      expect(client.all("push").map(({ event }) => event)).toEqual(["old", "new"]);
    const late = await a.connect("late");
    const reply = await late.ask({ type: "subscribe", topic: "board:1", since: before });
    expect(reply).toMatchObject({ recovered: false, position: after });
  });

  test("is for the owner, services and administrators, and for nobody else", async () => {
    const { b, reset } = await start();
    const record = { topic: "board:1", tenant: "default", clearance: 0, openToTenant: true };
    await b.app.records.set({ ...record, owner: "ada", editors: ["ed"], viewers: ["vi"] });
    const refused = { code: "FORBIDDEN" };
    expect(await reset("ed")).toEqual(refused);
    expect(await reset("vi")).toEqual(refused);
    expect(await reset("anybody")).toEqual(refused);
    expect(await reset("ada", "board:1", { tenant: "other" })).toEqual(refused);
    expect(await reset("machine", "board:1", { kind: "service", tenant: "other" })).toEqual(refused);
    const epochs = [
      await reset("ada"),
      await reset("machine", "board:1", { kind: "service" }),
      await reset("root", "board:1", { kind: "admin", tenant: "other" }),
    ].map(({ epoch }) => epoch);
    expect(new Set(epochs).size).toBe(3);
    expect(epochs).not.toContain(undefined);
  });

  test("is refused where there is no log, and where nobody knows the topic", async () => {
    const { reset } = await start();
    expect(await reset("ada", "passing:1")).toEqual({ code: "OPERATION_UNSUPPORTED" });
    expect(await reset("ada", "unknown:1")).toEqual({ code: "TOPIC_UNKNOWN" });
  });

  test("what is published at the same moment is in the new log or refused, never lost in silence", async () => {
    const { a, reset } = await start();
    await publish(a, "old");
    const [position, ...outcomes] = await Promise.all([
      reset("ada"),
      ...["x", "y", "z"].map((event) => publish(a, event).catch(() => null)),
    ]);
    // An old one is in what was ended; a new one can be read.
    const fresh = outcomes.filter((outcome) => outcome?.position?.epoch === position.epoch);
    const { head } = await a.storage.read("default/board:1", 0, { entriesMax: 10, bytesMax: 1_000_000 });
    expect(head).toBe(fresh.length);
  });
});
