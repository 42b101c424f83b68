import { authenticateWith, createMemoryStorage, createServer, systemRandom } from "@plexline/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { WebSocket } from "ws";
import { steps } from "../../../steps/server.ts";
import { doc } from "../../server.ts";
import { fabric } from "./endpoint.ts";

// Exchanges of FABRIC.md in steps mode, over plain sockets.

const FACT = { timeout: 10_000, interval: 5 };

/** A document of ada's and bob's, that cleo reads, with the topic of its steps. */
async function start(storage = createMemoryStorage({ random: systemRandom })) {
  const app = createServer({
    topics: { page: doc("doc:{id}"), article: steps("steps:{id}") },
    endpoints: [fabric()],
    auth: authenticateWith(({ token }) => ({ id: String(token), clearance: token === "eve" ? 1 : 5 })),
    storage,
  });
  const { port } = await app.listen(0);
  onTestFinished(() => app.close({ graceMs: 100 }));
  for (const topic of ["doc:plan", "steps:plan"])
    await app.records.set({
      topic,
      tenant: "default",
      clearance: 3,
      owner: "ada",
      editors: ["bob", "eve"],
      viewers: ["cleo"],
      openToTenant: false,
    });
  return { app, port, storage };
}

function open(port: number, user: string) {
  const url = `ws://127.0.0.1:${port}/ws/fabric?documentId=plan&clientID=${user}-1`;
  const socket = new WebSocket(url, { headers: { Authorization: `Bearer ${user}` } });
  onTestFinished(() => socket.terminate());
  const received: Record<string, unknown>[] = [];
  socket.on("message", (data) => void received.push(JSON.parse(String(data))));
  let read = 0;
  return {
    socket,
    received,
    say: (type: string, data?: unknown) =>
      socket.send(JSON.stringify({ type, documentId: "plan", clientID: `${user}-1`, data })),
    /** The message after the one that was read last. */
    next: () =>
      vi.waitFor(() => {
        expect(received.length, JSON.stringify(received)).toBeGreaterThan(read);
        read += 1;
        return received[read - 1];
      }, FACT),
  };
}

const insert = (text: string) => ({
  stepType: "replace",
  from: 1,
  to: 1,
  slice: { content: [{ type: "text", text }] },
});
const connected = (user: string, mode: string | null) => ({
  type: "connected",
  clientID: `${user}-1`,
  mode,
});
const runOf = (version: number, texts: readonly string[], clientIDs: readonly unknown[]) => ({
  type: "steps",
  documentId: "plan",
  data: { version, steps: texts.map(insert), clientIDs },
});
const MODE = { type: "mode", documentId: "plan", mode: "steps" };
const DENIED = { type: "error", message: "Access denied" };

test("[FB19] [FB22] [FB23] [FB25] two editors, a reader, and somebody without access", async () => {
  const { port } = await start();
  const [ada, bob] = [open(port, "ada"), open(port, "bob")];
  expect(await ada.next()).toEqual(connected("ada", null));
  expect(await bob.next()).toEqual(connected("bob", null));
  ada.say("sync", { version: 0 });
  expect(await ada.next()).toEqual(runOf(0, [], []));

  ada.say("update", { version: 0, steps: [insert("x")], clientID: 17 });
  for (const client of [ada, bob]) {
    expect(await client.next()).toEqual(MODE);
    expect(await client.next()).toEqual(runOf(0, ["x"], [17]));
  }
  // Bob's were made for version 0: he is told what he lacks, and submits them again.
  bob.say("update", { version: 0, steps: [insert("y")], clientID: "b" });
  expect(await bob.next()).toEqual(runOf(0, ["x"], [17]));
  bob.say("update", { version: 1, steps: [insert("y")], clientID: "b" });
  for (const client of [ada, bob]) expect(await client.next()).toEqual(runOf(1, ["y"], ["b"]));
  // Ada sends hers once more, as after a lost answer.
  ada.say("update", { version: 0, steps: [insert("x")], clientID: 17 });
  expect(await ada.next()).toEqual(runOf(0, ["x", "y"], [17, "b"]));

  ada.say("update", Array.from([0, 1, 5, 1, 0, 1]));
  expect(await ada.next()).toMatchObject({
    type: "error",
    documentId: "plan",
    code: "OPERATION_UNSUPPORTED",
    message: expect.stringContaining("edited in steps"),
  });

  const cleo = open(port, "cleo");
  expect(await cleo.next()).toEqual(connected("cleo", "steps"));
  cleo.say("update", { version: 2, steps: [insert("z")], clientID: "c" });
  expect(await cleo.next()).toEqual(DENIED);
  cleo.say("sync");
  expect(await cleo.next()).toEqual(runOf(0, ["x", "y"], [17, "b"]));

  const eve = open(port, "eve");
  expect(await eve.next()).toEqual(connected("eve", null));
  eve.say("sync", { version: 0 });
  expect(await eve.next()).toEqual(DENIED);

  ada.say("selection", { anchor: 2 });
  const selection = { type: "selection", documentId: "plan", clientID: "ada-1", data: { anchor: 2 } };
  for (const client of [bob, cleo]) expect(await client.next()).toEqual(selection);
  eve.say("selection", 1);
  expect(await eve.next()).toEqual(DENIED);
});

test("[FB19] [FB23] another server on the same storage goes on", async () => {
  const first = await start();
  const ada = open(first.port, "ada");
  await ada.next();
  ada.say("update", { version: 0, steps: [insert("x")], clientID: 17 });
  await ada.next();
  expect(await ada.next()).toEqual(runOf(0, ["x"], [17]));
  await first.app.close({ graceMs: 0 });

  const { port } = await start(first.storage);
  const again = open(port, "ada");
  expect(await again.next()).toEqual(connected("ada", "steps"));
  again.say("update", { version: 1, steps: [insert("y")], clientID: 17 });
  expect(await again.next()).toEqual(runOf(1, ["y"], [17]));
  again.say("sync", { version: 0 });
  expect(await again.next()).toEqual(runOf(0, ["x", "y"], [17, 17]));
});
