import { createTestMember, createTestSender } from "@plexline/testing";
import { featureContract } from "@plexline/testing/contracts";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { ada, bob, createInlineWorker, createTyped, eve, openDoc, settled } from "./room.fixture.ts";
import { doc } from "./server.ts";
import { deletions, gc, section, update } from "./update/hostile.fixture.ts";

const text = (document: Y.Doc) => document.getText("t").toString();

featureContract("a document", () => doc("page:{id}", { worker: createInlineWorker() }), {
  topic: "page:1",
  params: { id: "1" },
  input: { parts: true },
  messages: [
    { type: "binary", kind: DOC_KIND.update, payload: createTyped(1).type("hello") },
    { type: "binary", kind: DOC_KIND.syncResponse, payload: EMPTY_UPDATE },
  ],
});

describe("joining a document", () => {
  test("[DC1] a writer is asked for what the document lacks, a reader is not", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    await page.update(ada, createTyped(1).type("hello"));
    await page.subscribe(bob);
    await page.subscribe(eve);
    const [request] = page.pushed(bob, DOC_KIND.syncRequest);
    expect(Y.decodeStateVector(request!)).toEqual(new Map([[1, 5]]));
    expect([page.asked(bob), page.asked(eve)]).toEqual([1, 0]);
  });

  test("[DC1] long messages are admitted while the answer is awaited", async () => {
    const page = await openDoc({ updateBytesMax: 100, syncBytesMax: 1_000 });
    await page.subscribe(ada);
    await page.subscribe(eve);
    expect([...page.topic.messageBytesMax.values()]).toEqual([1_000, 100]);
    const long = createTyped(1).type("x".repeat(200));
    expect(await page.update(ada, long)).toBe("MESSAGE_TOO_LARGE");
    expect(await page.syncResponse(ada, long)).toBe("");
    expect(page.topic.messageBytesMax.get(ada.sessionId)).toBe(100);
    expect(await page.syncResponse(ada, createTyped(2).type("x".repeat(200)))).toBe("MESSAGE_TOO_LARGE");
  });

  test("[DC2] a sync-request is answered with all that is durable, one feed at a time and the newest last", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("one"));
    await settled();
    await page.subscribe(bob);
    page.topic.holdFeeds();
    await page.send(bob, DOC_KIND.syncRequest, new Uint8Array([0]));
    await page.send(bob, DOC_KIND.syncRequest, new Uint8Array([0]));
    await page.send(bob, DOC_KIND.syncRequest, Y.encodeStateVector(typed.doc));
    page.topic.releaseFeeds();
    await settled();
    const kinds = page.topic.fed.map(({ message }) => message.kind);
    expect(kinds).toEqual([DOC_KIND.update, DOC_KIND.syncResponse, DOC_KIND.update, DOC_KIND.syncResponse]);
    const received = new Y.Doc();
    for (const { message } of page.topic.fed) Y.applyUpdate(received, message.payload);
    expect(text(received)).toBe("one");
  });

  test("[DC2] a state vector that is none is refused", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    await expect(page.send(ada, DOC_KIND.syncRequest, new Uint8Array([9]))).rejects.toMatchObject({
      code: "UPDATE_INVALID",
    });
  });

  test("refuses an input and kinds that it does not know", async () => {
    const page = await openDoc();
    await expect(page.subscribe(ada, { parts: 1 })).rejects.toMatchObject({ code: "PAYLOAD_INVALID" });
    await page.subscribe(ada);
    await expect(page.send(ada, DOC_KIND.part, EMPTY_UPDATE)).rejects.toMatchObject({
      code: "UNKNOWN_MESSAGE",
    });
  });
});

describe("updates of a document", () => {
  test("[DC5] what is no update is refused, changes nothing and is settled", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    expect(await page.update(ada, new Uint8Array([1, 2, 3]))).toBe("UPDATE_INVALID");
    expect([page.topic.broadcasts.length, page.acked(ada)]).toEqual([0, 1]);
    expect(page.lines).toContainEqual(
      expect.objectContaining({
        level: "warn",
        action: "yjs.refused",
        userId: "ada",
        code: "UPDATE_INVALID",
      }),
    );
  });

  test("[DC6] a known update is settled once what it is known by is durable, and not before", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    await page.subscribe(bob);
    const update = createTyped(1).type("hello");
    page.topic.holdWrites();
    await page.update(ada, update);
    expect(await page.syncResponse(bob, update)).toBe("");
    await settled();
    expect([page.acked(ada), page.acked(bob)]).toEqual([0, 0]);
    page.topic.releaseWrites();
    await settled();
    expect([page.acked(ada), page.acked(bob), page.topic.entries.length]).toEqual([1, 1, 1]);
  });

  test("[DC7] a contiguous update is handed on byte for byte at once, and settled when it is durable", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("hel"));
    await settled();
    page.topic.holdWrites();
    const update = typed.type("lo");
    await page.update(ada, update);
    expect(page.topic.broadcasts.slice(1)).toEqual([
      { entry: { kind: DOC_KIND.update, payload: update, sender: ada }, except: ada },
    ]);
    expect([page.acked(ada), page.topic.entries.length]).toEqual([1, 1]);
    page.topic.releaseWrites();
    await settled();
    expect([page.acked(ada), text(page.logged())]).toEqual([2, "hello"]);
    expect(page.lines).toContainEqual({
      level: "debug",
      action: "yjs.taken",
      userId: "ada",
      bytes: update.length,
    });
  });

  test("[DC7] what brings a client id that the document does not know is handed on when it is durable", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    page.topic.holdWrites();
    await page.update(ada, one.type("a"));
    await page.syncResponse(bob, two.type("b"));
    expect(page.topic.broadcasts.length).toBe(0);
    // So is what follows it until then, also if it repeats it.
    await page.update(ada, one.type("c"));
    await page.syncResponse(ada, Y.mergeUpdates([...one.updates, one.type("d")]));
    expect(page.topic.broadcasts.length).toBe(0);
    page.topic.releaseWrites();
    await settled();
    expect(page.topic.broadcasts).toMatchObject([
      { entry: { payload: one.updates[0] }, except: ada, relay: "when-durable" },
      { entry: { payload: two.updates[0] }, except: bob, relay: "when-durable" },
      { entry: { payload: one.updates[1] }, except: ada, relay: "when-durable" },
      { except: ada, relay: "when-durable" },
    ]);
    page.topic.holdWrites();
    await page.update(ada, one.type("e"));
    expect(page.topic.broadcasts.length).toBe(5);
    page.topic.releaseWrites();
    await settled();
    page.topic.failWrites();
    const three = createTyped(3);
    await page.update(ada, three.type("d"));
    await settled();
    page.topic.releaseWrites();
    // It is still nobody's in the log.
    page.topic.holdWrites();
    await page.syncResponse(ada, three.updates[0]!);
    expect(page.topic.broadcasts.length).toBe(5);
    page.topic.releaseWrites();
    await settled();
    expect(page.topic.broadcasts.length).toBe(6);
  });

  test("[DC7] a deletion is news though the structs are known, and only once", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("hello"));
    typed.doc.getText("t").delete(1, 2);
    await page.update(ada, typed.updates[1]!);
    await page.update(ada, typed.updates[1]!);
    await settled();
    expect([page.topic.entries.length, page.acked(ada), text(page.logged())]).toEqual([2, 3, "hlo"]);
  });

  test.each(["update", "syncResponse"] as const)(
    "[DC7] known structs are not handed on or stored again, whatever is said they were: %s",
    async (kind) => {
      const page = await openDoc();
      for (const member of [ada, bob]) await page.subscribe(member);
      await page.update(ada, createTyped(1).type("ada"));
      // Bob's document has another text under Ada's ids; he deletes her last character and adds one of his own.
      const forged = createTyped(1);
      forged.type("bob");
      const other = new Y.Doc();
      other.clientID = 2;
      Y.applyUpdate(other, forged.updates[0]!);
      other.getText("t").delete(2, 1);
      other.getText("t").insert(2, "!");
      await page[kind](bob, Y.encodeStateAsUpdate(other));
      await settled();
      const stored = Y.decodeUpdate(page.topic.broadcasts[1]!.entry.payload);
      expect(stored.structs.map(({ id }) => id.client)).toEqual([2]);
      expect([...stored.ds.clients.keys()]).toEqual([1]);
      expect([page.topic.entries.length, page.acked(bob), text(page.logged())]).toEqual([2, 1, "ad!"]);
    },
  );

  test("[DC7] of what goes on behind known structs only the new ones are stored", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("one "));
    typed.doc.getText("t").insert(0, "two ");
    await page.update(ada, Y.encodeStateAsUpdate(typed.doc));
    await settled();
    const { structs } = Y.decodeUpdate(page.topic.broadcasts[1]!.entry.payload);
    expect(structs.map(({ id, length }) => [id.clock, length])).toEqual([[4, 4]]);
    expect([page.acked(ada), text(page.logged())]).toEqual([2, "two one "]);
  });

  test.each(["update", "sync-response"])(
    "[DC7] [DC11] of a whole document whose text the document has a part of the rest is stored, as Yjs cuts it: %s",
    async (kind) => {
      const page = await openDoc();
      for (const member of [ada, bob]) await page.subscribe(member);
      const [one, two] = [createTyped(1), createTyped(2)];
      await page.update(ada, one.type("hel"));
      Y.applyUpdate(two.doc, one.updates[0]!, "remote");
      await page.update(bob, two.type(" there"));
      await settled();
      one.doc.getText("t").insert(3, "lo");
      const vector = Y.encodeStateVector(page.logged());
      const whole = Y.encodeStateAsUpdate(one.doc);
      expect(Y.decodeUpdate(whole).structs).toHaveLength(1);
      expect(await (kind === "update" ? page.update(ada, whole) : page.syncResponse(ada, whole))).toBe("");
      await settled();
      expect(page.topic.broadcasts[2]!.entry.payload).toEqual(Y.encodeStateAsUpdate(one.doc, vector));
      expect([page.topic.entries.length, page.errors(ada)]).toEqual([3, []]);
      Y.applyUpdate(one.doc, two.updates[0]!, "remote");
      expect(text(page.logged())).toBe(text(one.doc));
      // A second time there is nothing new in it, nor in what another user has of it.
      await page.update(ada, whole);
      await page.syncResponse(bob, Y.encodeStateAsUpdate(one.doc));
      await settled();
      expect([page.topic.entries.length, page.errors(ada), page.errors(bob)]).toEqual([3, [], []]);
    },
  );

  test("[DC10] [DC11] the rest of another user's text is taken from a sync-response, of a filler it is not", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const one = createTyped(1);
    await page.update(ada, one.type("hel"));
    await settled();
    one.type("lo");
    const whole = Y.encodeStateAsUpdate(one.doc);
    expect(await page.update(bob, whole)).toBe("CLIENT_ID_TAKEN");
    await page.syncResponse(bob, update([section(1, 0, [gc(9)])], [deletions(1, [0, 9])]));
    await page.syncResponse(bob, whole);
    await settled();
    expect(page.errors(bob).map(({ code }) => code)).toEqual(["CLIENT_ID_TAKEN"]);
    expect(Y.decodeStateVector(Y.encodeStateVector(page.logged()))).toEqual(new Map([[1, 5]]));
  });

  test("[DC8] an update in a gap waits until it is covered, and is never stored as it is", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    await page.subscribe(bob);
    const typed = createTyped(1);
    const first = typed.type("one");
    const second = typed.type("two");
    page.topic.clock.advance(250);
    await page.update(ada, second);
    await settled();
    expect([page.topic.broadcasts.length, page.acked(ada), page.asked(ada), page.asked(bob)]).toEqual([
      0, 0, 2, 2,
    ]);
    page.topic.holdWrites();
    await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc));
    await settled();
    expect(page.acked(ada)).toBe(0);
    page.topic.releaseWrites();
    await settled();
    expect([page.acked(ada), page.topic.entries.length, text(page.logged())]).toEqual([2, 1, "onetwo"]);
    await page.update(ada, first);
    expect(page.acked(ada)).toBe(3);
  });

  test("[DC8] what refers to a missing struct of somebody else is in a gap", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const [one, two] = [createTyped(1), createTyped(2)];
    Y.applyUpdate(two.doc, one.type("one"), "remote");
    await page.update(ada, two.type("two"));
    two.doc.getText("t").delete(0, 1);
    await page.update(ada, two.updates[1]!);
    expect([page.topic.broadcasts.length, page.acked(ada)]).toEqual([0, 0]);
    await page.syncResponse(ada, Y.encodeStateAsUpdate(two.doc));
    await settled();
    expect([page.acked(ada), text(page.logged())]).toEqual([3, "netwo"]);
  });

  test("[DC8] the sender is asked at most every 250 ms, the others at most every second", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    await page.subscribe(bob);
    const typed = createTyped(1);
    typed.type("lost");
    page.topic.clock.advance(1_000);
    const before = [page.asked(ada), page.asked(bob)];
    const asked = () => [page.asked(ada) - before[0]!, page.asked(bob) - before[1]!];
    for (let count = 0; count < 5; count += 1) await page.update(ada, typed.type("x"));
    expect(asked()).toEqual([1, 1]);
    page.topic.clock.advance(250);
    await page.update(ada, typed.type("x"));
    expect(asked()).toEqual([2, 1]);
    page.topic.clock.advance(750);
    // What comes too early is put off, not forgotten.
    expect(asked()).toEqual([4, 2]);
    page.topic.clock.advance(10_000);
    expect(asked()).toEqual([4, 2]);
  });

  test("[DC8] after 30 seconds, or when too much waits, the oldest is answered UPDATE_GAP", async () => {
    const page = await openDoc({ gapEntriesMax: 2 });
    await page.subscribe(ada);
    const typed = createTyped(1);
    typed.type("lost");
    for (const letter of "abc") await page.update(ada, typed.type(letter));
    expect([page.errors(ada).map(({ code }) => code), page.acked(ada)]).toEqual([["UPDATE_GAP"], 1]);
    page.topic.clock.advance(30_000);
    expect([page.errors(ada).length, page.acked(ada)]).toEqual([3, 3]);
    const large = await openDoc({ gapBytesMax: 10 });
    await large.subscribe(ada);
    await large.update(ada, typed.type("longer than ten bytes"));
    expect([large.errors(ada).length, large.acked(ada)]).toEqual([1, 1]);
  });

  test("[B8] messages are counted anew after each subscribe, and settled in any order", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const [one, two] = [createTyped(1), createTyped(2)];
    const lost = one.type("lost");
    await page.update(ada, one.type("gap"));
    await page.update(ada, two.type("fine"));
    await settled();
    expect([page.topic.entries.length, page.acked(ada)]).toEqual([1, 0]);
    await page.update(ada, lost);
    await page.update(ada, one.updates[1]!);
    await settled();
    expect(page.acked(ada)).toBe(4);
    page.topic.holdWrites();
    await page.update(ada, one.type("more"));
    await page.subscribe(ada);
    page.topic.releaseWrites();
    await settled();
    expect(page.acked(ada)).toBe(4);
    await page.update(ada, one.type("last"));
    await settled();
    expect(page.topic.acknowledged.at(-1)?.acked).toBe(1);
  });

  test("[DC5] limits of an update are those of the definition", async () => {
    const page = await openDoc({ newClientsMax: 2, syncClientsMax: 3, documentClientsMax: 4, clockMax: 10 });
    await page.subscribe(ada);
    for (const client of [1, 2]) expect(await page.update(ada, createTyped(client).type("x"))).toBe("");
    expect(await page.update(ada, createTyped(3).type("x"))).toBe("CLIENT_IDS_MAX");
    expect(await page.syncResponse(ada, createTyped(3).type("x"))).toBe("");
    await page.subscribe(ada);
    expect(await page.update(ada, createTyped(4).type("x"))).toBe("");
    expect(await page.update(ada, createTyped(5).type("x"))).toBe("CLIENT_IDS_MAX");
    expect(await page.update(ada, createTyped(1).type("x".repeat(11)))).toBe("UPDATE_INVALID");
  });
});

describe("client ids of a document", () => {
  test("[DC10] belong to the user that first wrote with them, in all sessions", async () => {
    const page = await openDoc();
    const tab = createTestMember("ada", { sessionId: "s-tab" });
    for (const member of [ada, tab, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    await page.update(ada, typed.type("a"));
    expect(await page.update(tab, typed.type("b"))).toBe("");
    expect(await page.update(bob, typed.type("c"))).toBe("CLIENT_ID_TAKEN");
    await settled();
    expect([page.acked(bob), text(page.logged())]).toEqual([1, "ab"]);
  });

  test("[DC10] anybody may delete anything, and hand on what others wrote in a sync-response", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    Y.applyUpdate(two.doc, one.type("abc"), "remote");
    await page.update(ada, one.updates[0]!);
    two.doc.getText("t").delete(0, 1);
    expect(await page.update(bob, two.updates[0]!)).toBe("");
    Y.applyUpdate(two.doc, one.type("def"), "remote");
    const before = Y.encodeStateVectorFromUpdate(one.updates[0]!);
    expect(await page.syncResponse(bob, Y.encodeStateAsUpdate(two.doc, before))).toBe("");
    expect(await page.update(ada, one.type("g"))).toBe("");
    await settled();
    expect(text(page.logged())).toBe("bcdefg");
  });

  test("[DC10, DC11] another user's filler is left out, and what depends on it; the rest is taken", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const [one, two, three] = [createTyped(1), createTyped(2), createTyped(3)];
    await page.update(ada, one.type("a"));
    Y.applyUpdate(two.doc, one.updates[0]!, "remote");
    Y.applyUpdate(two.doc, one.type("gone"), "remote");
    two.type("after");
    two.doc.getText("t").delete(1, 4);
    three.type("apart");
    const mixed = Y.mergeUpdates([Y.encodeStateAsUpdate(two.doc), three.updates[0]!]);
    page.topic.holdWrites();
    expect(await page.syncResponse(bob, mixed)).toBe("");
    expect(page.errors(bob)).toEqual([]);
    page.topic.releaseWrites();
    await settled();
    expect([page.errors(bob).map(({ code }) => code), page.acked(bob)]).toEqual([["CLIENT_ID_TAKEN"], 1]);
    const logged = page.logged();
    expect([...Y.decodeStateVector(Y.encodeStateVector(logged)).keys()].sort()).toEqual([1, 3]);
  });

  test("[DC11] what comes after a Skip is left out and told by UPDATE_GAP", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    const [first, , third] = [typed.type("a"), typed.type("b"), typed.type("c")];
    await page.syncResponse(ada, Y.mergeUpdates([first, third]));
    await settled();
    expect([text(page.logged()), page.errors(ada).map(({ code }) => code), page.acked(ada)]).toEqual([
      "a",
      ["UPDATE_GAP"],
      1,
    ]);
  });

  test("[DC11] of a sync-response only what is new is stored", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    typed.type("abcdef");
    for (const at of [4, 2, 0]) typed.doc.getText("t").delete(at, 1);
    await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc));
    const other = createTyped(2);
    Y.applyUpdate(other.doc, Y.encodeStateAsUpdate(typed.doc), "remote");
    other.type("!");
    await page.syncResponse(ada, Y.encodeStateAsUpdate(other.doc));
    await settled();
    expect(text(page.logged())).toBe("bdf!");
    expect(page.topic.entries[1]!.payload).toEqual(other.updates[0]);
  });

  test("[DC10] the server's own code is a user, and is told when its update is durable", async () => {
    const page = await openDoc();
    const service = createTestSender("importer");
    const typed = createTyped(7);
    const send = (payload: Uint8Array) =>
      page.room.onMessage(service, { type: "binary", kind: DOC_KIND.update, payload }) as Promise<void>;
    await send(typed.type("one"));
    expect(page.topic.entries[0]).toMatchObject({ user: "importer" });
    page.topic.failWrites();
    await expect(send(typed.type("two"))).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await page.subscribe(ada);
    expect(await page.update(ada, typed.type("x"))).toBe("CLIENT_ID_TAKEN");
  });
});
