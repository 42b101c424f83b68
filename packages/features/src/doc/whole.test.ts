import type { Binary } from "@plexline/server";
import { createTestMember, createTestTopic, type TestTopic } from "@plexline/testing";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { DOC_KIND, EMPTY_UPDATE, PART_BYTES_MAX } from "./protocol.ts";
import {
  ada,
  applyLog,
  bob,
  createInlineWorker,
  createTyped,
  eve,
  openDoc,
  settled,
} from "./room.fixture.ts";
import { storeSegments, updatesIn } from "./segment.fixture.ts";
import { createWholes } from "./whole.ts";
import { fold } from "./worker/fold.ts";
import type { DocWorker, FoldJob } from "./worker/jobs.ts";

/** A worker that folds on the main thread; while it is held, jobs wait, and `fail` rejects those that do. */
function createFoldingWorker() {
  const jobs: FoldJob[] = [];
  let held: Promise<void> | undefined;
  let release = (): void => {};
  let fail = (_error: unknown): void => {};
  const worker: DocWorker = {
    scan: createInlineWorker().scan,
    async fold(job) {
      jobs.push(job);
      await held;
      return fold(job);
    },
  };
  return {
    worker,
    jobs,
    hold() {
      held = new Promise((resolve, reject) => {
        [release, fail] = [resolve, reject];
      });
      held.catch(() => {});
    },
    release() {
      held = undefined;
      release();
    },
    fail(error: unknown) {
      held = undefined;
      fail(error);
    },
  };
}

function setup() {
  const topic = createTestTopic();
  const folding = createFoldingWorker();
  const doc = new Y.Doc();
  doc.clientID = 1;
  doc.on("update", (payload: Uint8Array) => void topic.appendElsewhere({ kind: DOC_KIND.update, payload }));
  const wholes = createWholes(topic, folding.worker);
  return {
    topic,
    doc,
    text: doc.getText("t"),
    ...folding,
    wholes,
    ask: (parts = false) => all(wholes.messages({ parts })),
    /** Stores a snapshot of what is in the log. */
    async snapshot() {
      return (await storeSegments(topic))[0]!;
    },
  };
}

async function all(messages: AsyncIterable<Binary>): Promise<Binary[]> {
  const list: Binary[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

/** Lets promises go on until something is so. */
async function until(fact: () => boolean): Promise<void> {
  for (let rounds = 0; !fact(); rounds += 1) {
    if (rounds === 1_000) throw new Error(`Waited in vain for ${String(fact)}.`);
    await settled();
  }
}

/** What a document holds, deletions too, in the one form that equal documents share. */
function contentOf(doc: Y.Doc) {
  const { ds } = Y.decodeUpdate(Y.encodeStateAsUpdate(doc));
  const deletions = [...Y.mergeDeleteSets([ds]).clients].map(([client, items]) => [
    client,
    items.map(({ clock, len }) => [clock, len]),
  ]);
  return {
    vector: Y.decodeStateVector(Y.encodeStateVector(doc)),
    deletions,
    text: doc.getText("t").toDelta(),
    map: doc.getMap("m").toJSON(),
    pending: [doc.store.pendingStructs, doc.store.pendingDs],
  };
}

function opened(update: Uint8Array): Y.Doc {
  const doc = new Y.Doc();
  Y.applyUpdate(doc, update);
  return doc;
}

/** What all entries of a log make, applied one after the other. */
function applied(topic: TestTopic) {
  const doc = new Y.Doc();
  for (const { payload } of topic.entries) Y.applyUpdate(doc, payload);
  return contentOf(doc);
}

const state = (payload: Uint8Array) => ({ kind: DOC_KIND.state, payload });

describe("all of a document", () => {
  test("[DC19] is the empty update when there is nothing, and needs no worker", async () => {
    const { ask, jobs } = setup();
    expect(await ask()).toEqual([state(EMPTY_UPDATE)]);
    expect(jobs).toEqual([]);
  });

  test("[DC19] is what is stored where that is one update, a snapshot or an entry, and needs no worker", async () => {
    const { topic, text, ask, snapshot, jobs } = setup();
    text.insert(0, "one");
    expect(await ask()).toEqual([state(topic.entries[0]!.payload)]);
    text.insert(0, "two");
    const stored = await snapshot();
    expect(await ask()).toEqual([state(stored)]);
    expect(jobs).toEqual([]);
  });

  test("[DC19] is the snapshot and what came after it, deletions too, folded into one update", async () => {
    const { topic, doc, text, ask, snapshot, jobs } = setup();
    for (let n = 0; n < 20; n += 1) text.insert(0, `${n} `);
    text.delete(3, 9);
    await snapshot();
    text.delete(0, 4);
    text.insert(2, "after", { bold: true });
    doc.getMap("m").set("a", 1);
    doc.getMap("m").delete("a");
    const [answer, ...rest] = await ask();
    expect(rest).toEqual([]);
    expect(contentOf(opened(answer!.payload))).toEqual(applied(topic));
    expect(jobs.map(updatesIn)).toEqual([topic.entries.length - 21]);
  });

  test("[DC19] is everything up to the moment it was asked for while the log goes on growing", async () => {
    const { topic, text, ask, hold, release, jobs } = setup();
    const answers: Promise<Binary[]>[] = [];
    const expected: ReturnType<typeof applied>[] = [];
    for (let round = 0; round < 12; round += 1) {
      text.insert(0, `${round} words `);
      if (round % 3 === 2) text.delete(1, 4);
      if (round % 4 === 0) hold();
      expected.push(applied(topic));
      answers.push(ask());
      await settled();
      if (round % 4 === 3) release();
    }
    const final = applied(topic);
    for (const [index, answer] of answers.entries()) {
      const { vector } = contentOf(opened((await answer)[0]!.payload));
      const least = expected[index]!.vector.get(1)!;
      expect(vector.get(1)).toBeGreaterThanOrEqual(least);
    }
    expect(contentOf(opened((await answers.at(-1)!)[0]!.payload))).toEqual(final);
    // One for the first of each hold, and one for all who asked meanwhile.
    expect(jobs.length).toBeLessThan(answers.length);
  });

  test("[DC19] is folded once for all who ask at the same position, and nothing of it is kept afterwards", async () => {
    const { text, ask, wholes, jobs } = setup();
    text.insert(0, "a");
    text.insert(0, "b");
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(new Set(answers.map(([answer]) => answer!.payload.buffer)).size).toBe(1);
    expect(jobs).toHaveLength(1);
    const slow = wholes.messages({ parts: false });
    await slow.next();
    await ask();
    expect(jobs).toHaveLength(2);
    await slow.return(undefined);
    await ask();
    expect(jobs).toHaveLength(3);
  });

  test("[DC19] is folded once more for all who ask while an older state is being folded", async () => {
    const { topic, text, ask, jobs, hold, release } = setup();
    text.insert(0, "a");
    text.insert(0, "b");
    hold();
    const first = ask();
    await until(() => jobs.length === 1);
    const later: Promise<Binary[]>[] = [];
    for (const letter of "cdef") {
      text.insert(0, letter);
      later.push(ask());
      await settled();
    }
    expect(jobs).toHaveLength(1);
    release();
    expect(
      opened((await first)[0]!.payload)
        .getText("t")
        .toString(),
    ).toBe("ba");
    for (const answer of later) expect(contentOf(opened((await answer)[0]!.payload))).toEqual(applied(topic));
    expect(jobs).toHaveLength(2);
  });

  test("[DC19] comes in parts to those who take them", async () => {
    const { text, ask, snapshot } = setup();
    text.insert(0, "x".repeat(600_000));
    text.insert(0, "y");
    const stored = await snapshot();
    const parts = await ask(true);
    expect(parts.map(({ kind, payload }) => [kind, payload[0], payload[1]])).toEqual([
      [DOC_KIND.part, 0, DOC_KIND.state],
      [DOC_KIND.part, 0, DOC_KIND.state],
      [DOC_KIND.part, 1, DOC_KIND.state],
    ]);
    expect(Math.max(...parts.map(({ payload }) => payload.length))).toBe(PART_BYTES_MAX);
    expect(Buffer.concat(parts.map(({ payload }) => payload.subarray(2))).equals(stored)).toBe(true);
  });

  test("[DC19] cannot be had while the worker or the storage fails, and can be asked for again", async () => {
    const { topic, text, wholes, ask, jobs, hold, fail } = setup();
    text.insert(0, "a");
    // Whoever is still being answered does not keep the failure for others.
    const slow = wholes.messages({ parts: false });
    await slow.next();
    text.insert(0, "b");
    hold();
    const failing = [ask(), ask()];
    await until(() => jobs.length === 1);
    fail(new Error("the thread ended"));
    for (const answer of failing) await expect(answer).rejects.toThrow("the thread ended");
    // What was read of the document may be kept for a moment.
    topic.clock.advance(1_000);
    vi.spyOn(topic, "readSnapshot").mockRejectedValueOnce(new Error("disk"));
    await expect(ask()).rejects.toThrow("disk");
    expect(contentOf(opened((await ask())[0]!.payload))).toEqual(applied(topic));
    await slow.return(undefined);
  });

  test("[DC17, DC19] is not mixed of two logs", async () => {
    const { topic, text, ask, jobs, snapshot, hold, release } = setup();
    text.insert(0, "a");
    await snapshot();
    text.insert(0, "b");
    hold();
    const before = ask();
    await until(() => jobs.length === 1);
    topic.resetLog("another");
    const after = ask();
    release();
    await expect(before).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(await after).toEqual([state(EMPTY_UPDATE)]);
  });

  test("tells which updates Yjs cannot apply", async () => {
    const { topic, text, ask } = setup();
    const told = vi.spyOn(topic.log, "error");
    text.insert(0, "a");
    topic.appendElsewhere({ kind: DOC_KIND.update, payload: new Uint8Array([1, 1, 1, 0, 99]) });
    text.insert(0, "b");
    expect(
      opened((await ask())[0]!.payload)
        .getText("t")
        .toString(),
    ).toBe("ba");
    expect(told).toHaveBeenCalledWith(
      expect.objectContaining({ action: "doc.state", offsets: [2] }),
      expect.any(String),
    );
  });
});

describe("a state that a member asks for", () => {
  async function open() {
    const folding = createFoldingWorker();
    const page = await openDoc({ worker: folding.worker });
    await page.subscribe(ada);
    const typed = createTyped(1);
    await page.update(ada, typed.type("hello"));
    await settled();
    typed.doc.getText("t").delete(0, 2);
    await page.update(ada, typed.updates.at(-1)!);
    await settled();
    const states = (member: typeof ada) =>
      page.topic.fed
        .filter((fed) => fed.member.sessionId === member.sessionId && fed.message.kind === DOC_KIND.state)
        .map(({ message }) => message.payload);
    const ask = (member: typeof ada) => page.send(member, DOC_KIND.state, new Uint8Array());
    return { page, typed, folding, states, ask };
  }

  test("[DC19] comes to it alone, reader or writer, and holds what is durable", async () => {
    const { page, states, ask } = await open();
    for (const member of [bob, eve]) await page.subscribe(member);
    for (const member of [bob, eve]) await ask(member);
    await until(() => page.topic.fed.length === 2);
    expect(page.topic.fed.map(({ member }) => member.sessionId)).toEqual(["s-bob", "s-eve"]);
    for (const member of [bob, eve])
      expect(contentOf(opened(states(member)[0]!))).toEqual(contentOf(applyLog(page.topic)));
  });

  test("[DC19] answers a second question that comes before it, and not one that comes after", async () => {
    const { page, folding, states, ask } = await open();
    folding.hold();
    for (let count = 0; count < 5; count += 1) await ask(ada);
    await until(() => folding.jobs.length === 1);
    await ask(ada);
    folding.release();
    await until(() => states(ada).length === 1);
    await settled();
    await ask(ada);
    await until(() => states(ada).length === 2);
    await settled();
    expect([states(ada).length, page.errors(ada)]).toEqual([2, []]);
  });

  test("[DC19] is answered again when the question comes while the connection takes the last of the answer", async () => {
    const { page, folding, states, ask } = await open();
    folding.hold();
    await ask(ada);
    await until(() => folding.jobs.length === 1);
    page.topic.holdFeeds();
    folding.release();
    await settled();
    await ask(ada);
    page.topic.releaseFeeds();
    await until(() => states(ada).length === 2);
  });

  test("[DC19] is an error where the worker fails, and can be asked for again", async () => {
    const { page, folding, states, ask } = await open();
    folding.hold();
    await ask(ada);
    await until(() => folding.jobs.length === 1);
    folding.fail(new Error("the thread ended"));
    await until(() => page.errors(ada).length === 1);
    expect(page.errors(ada)).toMatchObject([{ code: "STORAGE_UNAVAILABLE" }]);
    await ask(ada);
    await until(() => states(ada).length === 1);
  });

  test("[DC19] is not for those who are not subscribed, and its question is empty", async () => {
    const { page, ask } = await open();
    await expect(ask(createTestMember("mallory"))).rejects.toMatchObject({ code: "NOT_SUBSCRIBED" });
    await expect(page.send(ada, DOC_KIND.state, EMPTY_UPDATE)).rejects.toMatchObject({
      code: "MALFORMED_MESSAGE",
    });
  });
});
