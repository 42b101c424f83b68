import { createTestMember } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { ada, bob, createTyped, eve, type Opened, openDoc, settled } from "./room.fixture.ts";

const text = (document: Y.Doc) => document.getText("t").toString();
const codes = (page: Opened, member: typeof ada) => page.errors(member).map(({ code }) => code);

describe("a commit of a document that fails", () => {
  test("[DC9] takes everything in flight back, tells the senders, and asks every writer", async () => {
    const page = await openDoc();
    for (const member of [ada, bob, eve]) await page.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    await page.update(ada, one.type("kept"));
    await settled();
    page.topic.holdWrites();
    await page.update(ada, one.type("lost"));
    Y.applyUpdate(two.doc, Y.encodeStateAsUpdate(one.doc), "remote");
    await page.update(bob, two.type("too"));
    one.doc.getText("t").delete(0, 1);
    await page.update(ada, one.updates.at(-1)!);
    page.topic.failWrites();
    await settled();
    expect([codes(page, ada), codes(page, bob)]).toEqual([
      ["STORAGE_UNAVAILABLE", "STORAGE_UNAVAILABLE"],
      ["STORAGE_UNAVAILABLE"],
    ]);
    expect([page.acked(ada), page.acked(bob)]).toEqual([3, 1]);

    page.topic.releaseWrites();
    page.topic.clock.advance(1_000);
    expect([page.asked(ada), page.asked(bob), page.asked(eve)]).toEqual([2, 2, 0]);
    const asked = page.pushed(bob, DOC_KIND.syncRequest).at(-1)!;
    expect(Y.decodeStateVector(asked)).toEqual(new Map([[1, 4]]));
    await page.syncResponse(bob, Y.encodeStateAsUpdate(two.doc, asked));
    await page.syncResponse(ada, Y.encodeStateAsUpdate(one.doc, asked));
    await settled();
    expect(text(page.logged())).toBe("eptlosttoo");
    expect([page.acked(ada), page.acked(bob)]).toEqual([4, 2]);
  });

  test("[DC9] a known update that waited for what was lost is lost with it", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const update = createTyped(1).type("x");
    page.topic.holdWrites();
    await page.update(ada, update);
    await page.syncResponse(bob, update);
    page.topic.failWrites();
    await settled();
    expect(codes(page, bob)).toEqual(["STORAGE_UNAVAILABLE"]);
    expect(page.topic.entries.length).toBe(0);
  });

  test("[DC9] a rest that is stored though what it goes on from was lost stands for no more than itself", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("a"));
    await settled();
    // The first of two commits fails, and the second one does not.
    const { broadcast } = page.topic;
    const setBroadcast = (value: typeof broadcast) =>
      Object.defineProperty(page.topic, "broadcast", { value, configurable: true });
    let fail = (_cause: Error): void => {};
    setBroadcast(() => new Promise((_, reject) => (fail = reject)));
    await page.update(ada, typed.type("b"));
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    setBroadcast((...entry) => held.then(() => broadcast(...entry)));
    typed.type("c");
    await page.update(ada, Y.encodeStateAsUpdate(typed.doc));
    fail(new Error("the disk is full"));
    await settled();
    release();
    await settled();
    setBroadcast(broadcast);
    expect(codes(page, ada)).toEqual(["STORAGE_UNAVAILABLE", "STORAGE_UNAVAILABLE"]);
    expect(Y.decodeUpdate(page.topic.entries[1]!.payload).structs[0]!.id.clock).toBe(2);
    page.topic.clock.advance(1_000);
    const asked = page.pushed(ada, DOC_KIND.syncRequest).at(-1)!;
    expect(Y.decodeStateVector(asked)).toEqual(new Map([[1, 1]]));
    await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc, asked));
    await settled();
    const all = new Y.Doc();
    for (const { payload } of page.topic.entries) Y.applyUpdate(all, payload);
    expect([text(all), all.store.pendingStructs]).toEqual(["abc", null]);
  });

  test("[DC9] an answer to what has been taken back since is no proof that nothing is missing", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    await page.update(ada, typed.type("a"));
    await page.syncResponse(ada, EMPTY_UPDATE);
    await settled();
    page.topic.holdWrites();
    await page.update(ada, typed.type("b"));
    await page.subscribe(ada);
    const asked = page.pushed(ada, DOC_KIND.syncRequest).at(-1)!;
    page.topic.failWrites();
    await settled();
    page.topic.releaseWrites();
    const before = codes(page, ada).length;
    await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc, asked));
    await settled();
    expect([codes(page, ada).slice(before), page.acked(ada)]).toEqual([["STORAGE_UNAVAILABLE"], 1]);
    page.topic.clock.advance(250);
    const again = page.pushed(ada, DOC_KIND.syncRequest).at(-1)!;
    expect(Y.decodeStateVector(again)).toEqual(new Map([[1, 1]]));
    await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc, again));
    await settled();
    expect([text(page.logged()), page.acked(ada), codes(page, ada).length]).toEqual(["ab", 2, before + 1]);
  });

  test("[DC9] an id stays its author's though another hands its first structs on", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    page.topic.failWrites();
    await page.update(ada, typed.type("a"));
    await settled();
    page.topic.releaseWrites();
    await page.syncResponse(bob, typed.updates[0]!);
    expect(await page.update(ada, typed.type("b"))).toBe("");
    expect(await page.update(bob, typed.type("c"))).toBe("CLIENT_ID_TAKEN");
    await settled();
    expect(text(page.logged())).toBe("ab");
  });

  test("[DC9] asks with growing pauses while the storage is down, and once more when it works again", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    page.topic.failWrites();
    await page.update(ada, typed.type("a"));
    await settled();
    const rounds: number[] = [];
    for (let second = 1; second <= 100; second += 1) {
      const before = page.asked(ada);
      page.topic.clock.advance(1_000);
      if (page.asked(ada) > before) rounds.push(second);
    }
    expect(rounds).toEqual([1, 3, 7, 15, 31, 61, 91]);
    page.topic.releaseWrites();
    const before = page.asked(ada);
    await page.update(ada, createTyped(2).type("b"));
    await settled();
    expect(page.asked(ada)).toBe(before + 1);
    page.topic.clock.advance(100_000);
    expect([page.asked(ada), page.topic.clock.pendingTimers]).toEqual([before + 1, 0]);
  });

  test("[DC10] whoever is refused for an id that another has handed on first can send it when asked", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    await page.syncResponse(bob, typed.type("a"));
    page.topic.clock.advance(250);
    expect(await page.update(ada, typed.type("b"))).toBe("CLIENT_ID_TAKEN");
    expect(page.asked(ada)).toBe(2);
    const asked = page.pushed(ada, DOC_KIND.syncRequest).at(-1)!;
    expect(await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc, asked))).toBe("");
    await settled();
    expect(text(page.logged())).toBe("ab");
  });

  test("what waits for the storage is bounded", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    page.topic.holdWrites();
    const typed = createTyped(1);
    let refused = "";
    for (let count = 0; refused === "" && count < 5_000; count += 1)
      refused = await page.update(ada, typed.type("x"));
    expect(refused).toBe("OVERLOADED");
    page.topic.releaseWrites();
    await settled();
    page.topic.clock.advance(1_000);
    const asked = page.pushed(ada, DOC_KIND.syncRequest).at(-1)!;
    await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc, asked));
    await settled();
    expect(text(page.logged())).toBe(text(typed.doc));
  });
});

describe("a document that is read again", () => {
  test("has its state, its deletions and its owners", async () => {
    const first = await openDoc();
    for (const member of [ada, bob]) await first.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    await first.update(ada, one.type("abc"));
    one.doc.getText("t").delete(0, 1);
    await first.update(ada, one.updates[1]!);
    await first.update(bob, two.type("x"));
    await settled();
    const page = await openDoc({}, first.topic);
    const count = page.topic.broadcasts.length;
    await page.subscribe(bob);
    for (const update of [...one.updates, ...two.updates]) expect(await page.update(bob, update)).toBe("");
    expect([page.topic.broadcasts.length, page.acked(bob)]).toEqual([count, 3]);
    expect(await page.update(bob, one.type("d"))).toBe("CLIENT_ID_TAKEN");
  });

  test("leaves out an entry that cannot be read, says so, and goes on", async () => {
    const first = await openDoc();
    first.topic.appendElsewhere({ kind: DOC_KIND.update, payload: new Uint8Array([1, 2, 3]) });
    first.topic.appendElsewhere({ kind: DOC_KIND.update, payload: createTyped(1).type("fine") });
    const page = await openDoc({}, first.topic);
    await page.subscribe(ada);
    expect(Y.decodeStateVector(page.pushed(ada, DOC_KIND.syncRequest)[0]!)).toEqual(new Map([[1, 4]]));
    expect(page.lines).toContainEqual(
      expect.objectContaining({ level: "error", action: "yjs.entry.invalid", offset: 1 }),
    );
  });

  test("lets other work go on between the pages of a long log", async () => {
    const first = await openDoc();
    const typed = createTyped(1);
    for (let count = 0; count < 1_200; count += 1)
      first.topic.appendElsewhere({ kind: DOC_KIND.update, payload: typed.type("x"), sender: ada });
    let opened: Opened | undefined;
    const opening = openDoc({}, first.topic).then((page) => {
      opened = page;
    });
    for (let pages = 0; pages < 2; pages += 1) {
      await settled();
      expect(opened).toBeUndefined();
      first.topic.clock.runDeferred();
    }
    await opening;
    await opened?.subscribe(ada);
    expect(Y.decodeStateVector(opened!.pushed(ada, DOC_KIND.syncRequest)[0]!)).toEqual(new Map([[1, 1_200]]));
  });
});

describe("a document on two nodes", () => {
  test("takes what the other has stored, which covers a gap", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const [one, two] = [createTyped(1), createTyped(2)];
    Y.applyUpdate(two.doc, one.type("one"), "remote");
    await page.update(ada, two.type("two"));
    page.room.onEntry?.(
      page.topic.appendElsewhere({ kind: DOC_KIND.update, payload: one.updates[0]!, sender: bob }),
    );
    expect(page.acked(ada)).toBe(0);
    page.room.onEntry?.(
      page.topic.appendElsewhere({ kind: DOC_KIND.update, payload: two.updates[0]!, sender: ada }),
    );
    expect(page.acked(ada)).toBe(1);
    expect(await page.update(ada, one.type("x"))).toBe("CLIENT_ID_TAKEN");
  });

  test("takes large entries in their turn, without holding up anything", async () => {
    const page = await openDoc({ scanBytesMax: 100 });
    await page.subscribe(ada);
    const typed = createTyped(1);
    const entries = [typed.type("x".repeat(200)), typed.type("y")].map((payload) =>
      page.topic.appendElsewhere({ kind: DOC_KIND.update, payload, sender: ada }),
    );
    page.worker.holdScans();
    for (const entry of entries) page.room.onEntry?.(entry);
    expect(await page.update(ada, createTyped(2).type("z"))).toBe("");
    page.worker.releaseScans();
    await settled();
    await page.subscribe(ada);
    const vector = Y.decodeStateVector(page.pushed(ada, DOC_KIND.syncRequest).at(-1)!);
    expect(vector).toEqual(
      new Map([
        [1, 201],
        [2, 1],
      ]),
    );
  });

  test("[DC17] begins afresh with another log, and takes nothing from who has not", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    await page.update(ada, typed.type("old"));
    typed.type("lost");
    await page.update(ada, typed.type("gap"));
    page.topic.resetLog();
    await page.room.onRestart?.();
    expect(codes(page, ada)).toEqual(["UPDATE_GAP"]);
    expect(await page.syncResponse(ada, Y.encodeStateAsUpdate(typed.doc))).toBe("UPDATE_GAP");
    await page.subscribe(ada);
    expect(Y.decodeStateVector(page.pushed(ada, DOC_KIND.syncRequest).at(-1)!).size).toBe(0);
    await page.send(bob, DOC_KIND.syncRequest, new Uint8Array([0]));
    expect(await page.update(bob, createTyped(2).type("new"))).toBe("");
    await settled();
    expect(text(page.logged())).toBe("new");
  });

  test("[DC17] what comes while the other log is read waits for it", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    const typed = createTyped(1);
    page.topic.resetLog();
    page.topic.appendElsewhere({ kind: DOC_KIND.update, payload: typed.type("one"), sender: ada });
    const restarted = page.room.onRestart?.();
    const entered = page.subscribe(bob);
    await page.subscribe(ada);
    expect(await page.update(ada, typed.type("two"))).toBe("");
    await Promise.all([restarted, entered]);
    await settled();
    expect([text(page.logged()), page.acked(ada), page.asked(bob)]).toEqual(["onetwo", 1, 1]);
  });
});

describe("large updates of a document", () => {
  test("are scanned by the worker; those of their sender keep their order, others go on", async () => {
    const page = await openDoc({ scanBytesMax: 100 });
    for (const member of [ada, bob]) await page.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    page.worker.holdScans();
    const large = page.update(ada, one.type("x".repeat(200)));
    const small = page.update(ada, one.type("!"));
    expect(await page.update(bob, two.type("quick"))).toBe("");
    expect(page.topic.broadcasts.length).toBe(1);
    page.worker.releaseScans();
    expect([await large, await small]).toEqual(["", ""]);
    await settled();
    expect([page.worker.scans, page.acked(ada), page.asked(ada)]).toEqual([1, 2, 1]);
    expect(page.logged().getText("t").length).toBe(206);
  });

  test("[DC5] that are refused by the worker are answered and settled", async () => {
    const page = await openDoc({ scanBytesMax: 4 });
    await page.subscribe(ada);
    expect(await page.update(ada, new Uint8Array([1, 2, 3, 4, 5]))).toBe("UPDATE_INVALID");
    expect(page.acked(ada)).toBe(1);
  });

  test("let only so much of their sender wait", async () => {
    const page = await openDoc({ scanBytesMax: 4 });
    await page.subscribe(ada);
    page.worker.holdScans();
    const typed = createTyped(1);
    const sent = Array.from({ length: 650 }, () => page.update(ada, typed.type("x")));
    page.worker.releaseScans();
    const answers = await Promise.all(sent);
    expect(answers.filter((code) => code === "OVERLOADED").length).toBe(50);
    await settled();
    expect(page.acked(ada)).toBe(650);
  });
});

describe("leaving a document", () => {
  test("nobody is asked or told who is gone, detached or only reads", async () => {
    const page = await openDoc();
    const tab = createTestMember("ada", { sessionId: "s-tab" });
    for (const member of [ada, tab, bob, eve]) await page.subscribe(member);
    page.room.onUnsubscribe?.(tab);
    page.room.onAttachment?.(bob, false);
    const typed = createTyped(1);
    typed.type("lost");
    page.topic.clock.advance(1_000);
    await page.update(ada, typed.type("gap"));
    page.topic.clock.advance(1_000);
    expect([ada, tab, bob, eve].map((member) => page.asked(member))).toEqual([2, 1, 1, 0]);
    page.room.onUnsubscribe?.(ada);
    page.topic.clock.advance(60_000);
    expect(codes(page, ada)).toEqual([]);
  });

  test("a member whose role changes is asked by its newest", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    await page.send({ ...ada, role: "viewer" }, DOC_KIND.syncRequest, new Uint8Array([0]));
    await page.subscribe(bob);
    page.topic.clock.advance(1_000);
    const typed = createTyped(1);
    typed.type("lost");
    await page.update(bob, typed.type("gap"));
    expect([page.asked(ada), page.asked(bob)]).toEqual([1, 2]);
  });

  test("closing waits for commits, and leaves no timer", async () => {
    const page = await openDoc();
    await page.subscribe(ada);
    page.topic.holdWrites();
    const typed = createTyped(1);
    await page.update(ada, typed.type("x"));
    typed.type("lost");
    await page.update(ada, typed.type("gap"));
    let closed = false;
    const closing = page.close().then(() => {
      closed = true;
    });
    await settled();
    expect(closed).toBe(false);
    page.topic.releaseWrites();
    await closing;
    expect(page.topic.clock.pendingTimers).toBe(0);
    expect(await page.update(ada, EMPTY_UPDATE)).toBe("SHUTTING_DOWN");
  });
});
