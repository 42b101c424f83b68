import type { Sender } from "@plexline/server";
import { createTestMember, createTestSender } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import type { SeedOutput } from "./protocol.ts";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { ada, bob, createTyped, eve, type Opened, openDoc, settled } from "./room.fixture.ts";
import { doc } from "./server.ts";

const text = (document: Y.Doc) => document.getText("t").toString();
const base64 = (update: Uint8Array) => Buffer.from(update).toString("base64");

async function call(page: Opened, sender: Sender, input: unknown, command = "seed"): Promise<unknown> {
  return page.room.onMessage(sender, { type: "call", command, input });
}

const seed = (page: Opened, sender: Sender, update: Uint8Array) =>
  call(page, sender, { update: base64(update) }) as Promise<SeedOutput>;

/** Whether a promise has settled once everything that only waits for promises has gone on. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let is = false;
  const note = () => {
    is = true;
  };
  promise.then(note, note);
  await settled();
  return is;
}

describe("a document's seed", () => {
  test("[DC21] is stored and handed on to all, its sender too, and answered when it is durable", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    const update = typed.type("hello");
    page.topic.holdWrites();
    const seeding = seed(page, ada, update);
    expect([await isSettled(seeding), page.topic.broadcasts.length]).toEqual([false, 0]);
    page.topic.releaseWrites();
    expect(await seeding).toEqual({ seeded: true });
    expect(page.topic.broadcasts).toEqual([
      { entry: { kind: DOC_KIND.update, payload: update, sender: ada }, relay: "when-durable" },
    ]);
    expect([text(page.logged()), page.acked(ada)]).toEqual(["hello", 0]);
  });

  test("[DC21] is for an empty document: afterwards it changes nothing", async () => {
    const page = await openDoc();
    expect(await seed(page, ada, createTyped(1).type("one"))).toEqual({ seeded: true });
    expect(await seed(page, bob, createTyped(2).type("two"))).toEqual({ seeded: false });
    expect(await seed(page, ada, createTyped(1).type("one"))).toEqual({ seeded: false });
    expect(text(page.logged())).toBe("one");
    const again = await openDoc({}, page.topic);
    expect(await seed(again, ada, createTyped(2).type("two"))).toEqual({ seeded: false });
    expect(page.topic.entries.length).toBe(1);
  });

  test("[DC21] of many at once is written once, and all are answered when it is durable", async () => {
    const page = await openDoc();
    page.topic.holdWrites();
    const seedings = [1, 2, 3, 4].map((client) => seed(page, ada, createTyped(client).type(`${client}`)));
    expect(await isSettled(Promise.race(seedings))).toBe(false);
    page.topic.releaseWrites();
    expect((await Promise.all(seedings)).map(({ seeded }) => seeded)).toEqual([true, false, false, false]);
    expect(text(page.logged())).toBe("1");
  });

  test("[DC21] is not written after an update that is on its way, nor after one of another node", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    page.topic.holdWrites();
    await page.update(ada, createTyped(1).type("first"));
    const seeding = seed(page, bob, createTyped(2).type("late"));
    expect(await isSettled(seeding)).toBe(false);
    page.topic.releaseWrites();
    expect(await seeding).toEqual({ seeded: false });
    expect(text(page.logged())).toBe("first");

    const other = await openDoc();
    const payload = createTyped(1).type("elsewhere");
    other.room.onEntry?.(other.topic.appendElsewhere({ kind: DOC_KIND.update, payload }));
    expect(await seed(other, ada, createTyped(2).type("late"))).toEqual({ seeded: false });
  });

  test("[DC21] that cannot be stored is an error for all who sent one, and may be sent again", async () => {
    const page = await openDoc();
    page.topic.holdWrites();
    const seedings = [1, 2].map((client) => seed(page, ada, createTyped(client).type("lost")));
    const codes = Promise.all(seedings.map((seeding) => seeding.catch(({ code }) => code)));
    page.topic.failWrites();
    expect(await codes).toEqual(["STORAGE_UNAVAILABLE", "STORAGE_UNAVAILABLE"]);
    page.topic.releaseWrites();
    expect(await seed(page, ada, createTyped(1).type("kept"))).toEqual({ seeded: true });
    expect(text(page.logged())).toBe("kept");
  });

  test("[DC21] may be written again once the log is another one", async () => {
    const page = await openDoc();
    expect(await seed(page, ada, createTyped(1).type("one"))).toEqual({ seeded: true });
    page.topic.resetLog();
    await page.room.onRestart?.();
    expect(await seed(page, ada, createTyped(1).type("two"))).toEqual({ seeded: true });
  });

  test("[DC10, DC21] has client ids that belong to its sender from then on", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    await seed(page, ada, typed.type("one"));
    expect(await page.update(bob, typed.type("two"))).toBe("CLIENT_ID_TAKEN");
    expect(await page.update(ada, typed.updates[1]!)).toBe("");
  });

  test("[DC21] is checked as a sync-response is, and changes nothing when it is refused", async () => {
    const page = await openDoc({
      syncClientsMax: 3,
      updateBytesMax: 100,
      syncBytesMax: 1_000,
      newClientsMax: 1,
    });
    const typed = createTyped(1);
    typed.type("one");
    const gap = typed.type("two");
    const tooMany = Y.mergeUpdates([1, 2, 3, 4].map((client) => createTyped(client).type("x")));
    for (const [update, code] of [
      [new Uint8Array([1, 2, 3]), "UPDATE_INVALID"],
      [EMPTY_UPDATE, "UPDATE_INVALID"],
      [gap, "UPDATE_INVALID"],
      [tooMany, "UPDATE_INVALID"],
      [createTyped(1).type("x".repeat(1_001)), "MESSAGE_TOO_LARGE"],
    ] as const)
      await expect(seed(page, ada, update)).rejects.toMatchObject({ code });
    expect(page.topic.broadcasts).toEqual([]);
    const fits = Y.mergeUpdates([1, 2, 3].map((client) => createTyped(client).type("x".repeat(50))));
    expect(await seed(page, ada, fits)).toEqual({ seeded: true });
  });

  test("[DC21] that is long is scanned by the worker, and still not written after what came meanwhile", async () => {
    const page = await openDoc({ scanBytesMax: 30 });
    await page.subscribe(ada);
    page.worker.holdScans();
    const seeding = seed(page, bob, createTyped(1).type("a text of more than thirty bytes"));
    expect(await page.update(ada, createTyped(2).type("b"))).toBe("");
    page.worker.releaseScans();
    expect(await seeding).toEqual({ seeded: false });
    expect([page.worker.scans, page.topic.entries.length]).toEqual([1, 1]);
  });

  test.each([
    [undefined],
    [null],
    ["AAA="],
    [{}],
    [{ update: 1 }],
    [{ update: "" }],
    [{ update: "A" }],
    [{ update: "A*A=" }],
    [{ update: "A=AA" }],
  ])("[DC21] cannot be %j", async (input) => {
    const page = await openDoc();
    await expect(call(page, ada, input)).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
  });

  test("[DC21] is for those who may publish and the server's own code, and the only command", async () => {
    const page = await openDoc({
      roles: { caller: ["subscribe", "call"], editor: ["publish"] },
      defaultRole: "caller",
    });
    const update = createTyped(1).type("hello");
    for (const role of ["caller", "nobody"])
      await expect(seed(page, createTestMember("eve", { role }), update)).rejects.toMatchObject({
        code: "FORBIDDEN",
      });
    await expect(call(page, ada, {}, "erase")).rejects.toMatchObject({ code: "COMMAND_UNKNOWN" });
    expect(await seed(page, createTestSender("server"), update)).toEqual({ seeded: true });

    const { roles } = doc("page:{id}", {
      roles: { editor: ["publish"], both: ["publish", "call"], viewer: ["subscribe"] },
    });
    expect(roles).toEqual({ editor: ["publish", "call"], both: ["publish", "call"], viewer: ["subscribe"] });
    expect(doc("page:{id}").roles.write).toContain("call");
    expect(doc("page:{id}").roles[eve.role]).not.toContain("call");
  });

  test("[DC21] is refused once the room is closed", async () => {
    const page = await openDoc();
    await page.close();
    await expect(seed(page, ada, createTyped(1).type("x"))).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
  });
});
