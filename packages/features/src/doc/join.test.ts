import type { Binary } from "@plexline/server";
import { createTestTopic, type TestTopic } from "@plexline/testing";
import { describe, expect, test, vi } from "vitest";
import * as Y from "yjs";
import { createJoins } from "./join.ts";
import { createKeptBytes } from "./kept-bytes.ts";
import { DOC_KIND, EMPTY_UPDATE, PART_BYTES_MAX } from "./protocol.ts";
import { storeSegments } from "./segment.fixture.ts";
import { createSnapshotCache } from "./snapshot-cache.ts";

const update = (payload: Uint8Array) => ({ kind: DOC_KIND.update, payload });

/** A document whose updates are committed to a topic. */
function createAuthor(topic: TestTopic) {
  const doc = new Y.Doc();
  doc.on("update", (payload: Uint8Array) => void topic.appendElsewhere(update(payload)));
  return doc;
}

/** A topic whose time goes on by itself, as far as waiting for a turn goes. */
function createTurningTopic(): TestTopic {
  const topic = createTestTopic();
  vi.spyOn(topic.clock, "defer").mockImplementation((callback) => void setImmediate(callback));
  return topic;
}

/** Folds all of the log, as a compaction does. */
async function fold(topic: TestTopic): Promise<Uint8Array> {
  return (await storeSegments(topic))[0]!;
}

async function all(messages: AsyncIterable<Binary>): Promise<Binary[]> {
  const list: Binary[] = [];
  for await (const message of messages) list.push(message);
  return list;
}

const vectorOf = (doc: Y.Doc) => Y.decodeStateVector(Y.encodeStateVector(doc));

/** A client as providers are: parts are put together, updates and responses applied. */
function receive(doc: Y.Doc, messages: readonly Binary[]): Y.Doc {
  let parts: Uint8Array[] = [];
  for (const { kind, payload } of messages) {
    if (kind !== DOC_KIND.part) {
      Y.applyUpdate(doc, payload);
      continue;
    }
    parts.push(payload.subarray(2));
    if (payload[0] !== 1) continue;
    expect(payload[1]).toBe(DOC_KIND.update);
    Y.applyUpdate(doc, Buffer.concat(parts));
    parts = [];
  }
  expect(parts).toEqual([]);
  return doc;
}

const END = { kind: DOC_KIND.syncResponse, payload: EMPTY_UPDATE };
const textOf = (doc: Y.Doc) => doc.getText("t").toString();

describe("joining a document", () => {
  test("[DC2] an empty document is answered by an empty response", async () => {
    const messages = createJoins(createTestTopic()).messages(new Map(), { parts: false });
    expect(await all(messages)).toEqual([END]);
  });

  test("[DC2] the stored snapshot, the entries after it as one update, and an empty response", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    for (let n = 0; n < 20; n += 1) author.getText("t").insert(0, `${n} `);
    const snapshot = await fold(topic);
    author.getText("t").delete(0, 10);
    author.getText("t").insert(0, "after");
    const messages = await all(createJoins(topic).messages(new Map(), { parts: true }));
    expect(topic.entries).toHaveLength(22);
    expect(messages).toEqual([update(snapshot), update(expect.any(Uint8Array)), END]);
    expect(textOf(receive(new Y.Doc(), messages))).toBe(textOf(author));
  });

  test("[DC2] who covers the snapshot is sent its deletions in its place", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    author.getText("t").insert(0, "a long text that is in the snapshot");
    const joiner = new Y.Doc();
    Y.applyUpdate(joiner, Y.encodeStateAsUpdate(author));
    author.getText("t").delete(0, 7);
    await fold(topic);
    author.getText("t").insert(0, "the ");
    const messages = await all(createJoins(topic).messages(vectorOf(joiner), { parts: false }));
    expect(messages.map(({ kind }) => kind)).toEqual([
      DOC_KIND.update,
      DOC_KIND.update,
      DOC_KIND.syncResponse,
    ]);
    expect(messages[0]!.payload[0]).toBe(0);
    expect(messages[0]!.payload.length).toBeLessThan(15);
    expect(textOf(receive(joiner, messages))).toBe(textOf(author));
  });

  test("[DC2] who covers a snapshot without deletions is sent the entries only", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    author.getText("t").insert(0, "text");
    await fold(topic);
    const messages = await all(createJoins(topic).messages(vectorOf(author), { parts: false }));
    expect(messages).toEqual([END]);
  });

  test("who covers a snapshot that holds pending structs is sent all of it", async () => {
    const topic = createTestTopic();
    const first = new Y.Doc();
    first.getText("t").insert(0, "a");
    const from = Y.encodeStateVector(first);
    first.getText("t").insert(1, "b");
    topic.appendElsewhere(update(Y.encodeStateAsUpdate(first, from)));
    const snapshot = await fold(topic);
    const messages = await all(createJoins(topic).messages(new Map(), { parts: false }));
    expect(messages).toEqual([update(snapshot), END]);
  });

  test("long messages come in parts to those who take them, and whole to others", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    author.getText("t").insert(0, "x".repeat(600_000));
    const snapshot = await fold(topic);
    author.getText("t").insert(0, "y".repeat(300_000));
    const joins = createJoins(topic);
    const whole = await all(joins.messages(new Map(), { parts: false }));
    expect(whole.map(({ payload }) => payload.length > PART_BYTES_MAX)).toEqual([true, true, false]);
    const parts = await all(joins.messages(new Map(), { parts: true }));
    expect(parts.map(({ kind, payload }) => [kind, payload[0]])).toEqual([
      [DOC_KIND.part, 0],
      [DOC_KIND.part, 0],
      [DOC_KIND.part, 1],
      [DOC_KIND.part, 0],
      [DOC_KIND.part, 1],
      [DOC_KIND.syncResponse, 0],
    ]);
    expect(Math.max(...parts.map(({ payload }) => payload.length))).toBe(PART_BYTES_MAX);
    expect(Buffer.concat(parts.slice(0, 3).map(({ payload }) => payload.subarray(2))).equals(snapshot)).toBe(
      true,
    );
    expect(textOf(receive(new Y.Doc(), parts))).toBe(textOf(author));
  });

  test("[DC2] what comes after the answer has begun is not part of it", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    for (let n = 0; n < 3; n += 1) author.getText("t").insert(0, "x");
    const messages = createJoins(topic).messages(new Map(), { parts: false });
    const begun = messages.next();
    author.getText("t").insert(0, "later");
    const first = await begun;
    const answer = [first.value as Binary, ...(await all(messages))];
    expect(answer.at(-1)).toEqual(END);
    expect(textOf(receive(new Y.Doc(), answer))).toBe("xxx");
  });

  test("the log is read in pages as the messages are asked for", async () => {
    const topic = createTurningTopic();
    for (let n = 0; n < 2_500; n += 1) topic.appendElsewhere(update(Uint8Array.of(0, 0)));
    const reads = vi.spyOn(topic, "readEntries");
    const messages = createJoins(topic).messages(new Map(), { parts: false });
    await messages.next();
    expect(reads).toHaveBeenCalledTimes(1);
    expect(await all(messages)).toHaveLength(3);
    expect(reads.mock.calls.map(([from]) => from)).toEqual([0, 1_000, 2_000]);
  });

  test("all who join at the same time share the bytes of one snapshot, kept for the next for a second", async () => {
    const topic = createTestTopic();
    createAuthor(topic).getText("t").insert(0, "text");
    await fold(topic);
    const reads = vi.spyOn(topic, "readSnapshot");
    const joins = createJoins(topic);
    const running = Array.from({ length: 100 }, () => joins.messages(new Map(), { parts: true }));
    const firsts = await Promise.all(running.map((messages) => messages.next()));
    expect(reads).toHaveBeenCalledTimes(1);
    expect(new Set(firsts.map(({ value }) => (value as Binary).payload.buffer)).size).toBe(1);
    // Half of them go away in the middle, the others go on.
    for (const [index, messages] of running.entries()) {
      if (index % 2 === 0) await messages.return(undefined);
      else await all(messages);
    }
    topic.clock.advance(999);
    await all(joins.messages(new Map(), { parts: true }));
    expect(reads).toHaveBeenCalledTimes(1);
    topic.clock.advance(1_000);
    expect(topic.clock.pendingTimers).toBe(0);
    await all(joins.messages(new Map(), { parts: true }));
    expect(reads).toHaveBeenCalledTimes(2);
  });

  test("of one who joins alone nothing is kept", async () => {
    const topic = createTestTopic();
    createAuthor(topic).getText("t").insert(0, "text");
    await fold(topic);
    const reads = vi.spyOn(topic, "readSnapshot");
    const joins = createJoins(topic);
    await all(joins.messages(new Map(), { parts: true }));
    expect(topic.clock.pendingTimers).toBe(0);
    topic.clock.advance(1_000);
    await all(joins.messages(new Map(), { parts: true }));
    expect(reads).toHaveBeenCalledTimes(2);
    // Who comes soon after another one is not alone.
    await all(joins.messages(new Map(), { parts: true }));
    expect(topic.clock.pendingTimers).toBe(1);
  });

  test("what is kept is bounded, and dropped when a newer snapshot is stored", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    author.getText("t").insert(0, "text");
    const snapshot = await fold(topic);
    const kept = createKeptBytes(snapshot.length);
    const joins = createJoins(topic, createSnapshotCache(topic, kept));
    const joinTwice = () => Promise.all([1, 2].map(() => all(joins.messages(new Map(), { parts: false }))));
    await joinTwice();
    expect(kept.take(1)).toBe(false);
    joins.renew();
    expect(topic.clock.pendingTimers).toBe(0);
    expect(kept.take(1)).toBe(true);
    await joinTwice();
    expect(topic.clock.pendingTimers).toBe(0);
  });

  test("the log is read and merged once for all who join, and for who comes later only what has come since", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    for (let n = 0; n < 20; n += 1) author.getText("t").insert(n, "x");
    const reads = vi.spyOn(topic, "readEntries");
    const joins = createJoins(topic);
    const join = () => all(joins.messages(new Map(), { parts: false }));
    const answers = await Promise.all(Array.from({ length: 50 }, join));
    expect(reads.mock.calls.map(([from]) => from)).toEqual([0]);
    expect(new Set(answers.map(([first]) => first!.payload)).size).toBe(1);
    author.getText("t").insert(20, "y");
    const later = await join();
    expect(reads.mock.calls.map(([from]) => from)).toEqual([0, 20]);
    expect(later.map(({ payload }) => payload)).toEqual([
      answers[0]![0]!.payload,
      topic.entries[20]!.payload,
      EMPTY_UPDATE,
    ]);
    expect(textOf(receive(new Y.Doc(), later))).toBe(textOf(author));
    topic.clock.advance(1_000);
    expect(await join()).toHaveLength(2);
  });

  test("[DC17] what is kept of a log is not sent of the next one", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    for (const text of ["a", "b"]) author.getText("t").insert(0, text);
    const joins = createJoins(topic);
    await Promise.all([1, 2].map(() => all(joins.messages(new Map(), { parts: false }))));
    topic.resetLog("another");
    const other = createAuthor(topic);
    for (const text of ["c", "d"]) other.getText("t").insert(0, text);
    const answer = await all(joins.messages(new Map(), { parts: false }));
    expect(textOf(receive(new Y.Doc(), answer))).toBe("dc");
  });

  test("those who come after a newer snapshot was stored get that one", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    author.getText("t").insert(0, "text");
    await fold(topic);
    const joins = createJoins(topic);
    const slow = joins.messages(new Map(), { parts: true });
    await slow.next();
    author.getText("t").insert(0, "more ");
    const newer = await fold(topic);
    joins.renew();
    expect(await all(joins.messages(new Map(), { parts: true }))).toEqual([update(newer), END]);
    expect(await all(slow)).toEqual([END]);
  });

  test("a failed read is told, and the next to come reads again, whoever else is joining", async () => {
    const topic = createTestTopic();
    createAuthor(topic).getText("t").insert(0, "text");
    await fold(topic);
    const joins = createJoins(topic);
    const slow = joins.messages(new Map(), { parts: true });
    await slow.next();
    joins.renew();
    vi.spyOn(topic, "readSnapshot").mockRejectedValueOnce(new Error("disk"));
    const failing = [1, 2].map(() => all(joins.messages(new Map(), { parts: true })));
    for (const failed of failing) await expect(failed).rejects.toThrow("disk");
    expect(await all(joins.messages(new Map(), { parts: true }))).toHaveLength(2);
    expect(await all(slow)).toEqual([END]);
  });

  test("[DC17] a log that is reset meanwhile ends the answer with an error", async () => {
    const topic = createTurningTopic();
    for (let n = 0; n < 1_500; n += 1) topic.appendElsewhere(update(Uint8Array.of(0, 0)));
    const joins = createJoins(topic);
    const messages = joins.messages(new Map(), { parts: true });
    await messages.next();
    topic.resetLog("another");
    await expect(all(messages)).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    expect(await all(joins.messages(new Map(), { parts: true }))).toEqual([END]);
  });

  test("[DC17] somebody who is still being sent an old snapshot does not give it to those of the new log", async () => {
    const topic = createTestTopic();
    const author = createAuthor(topic);
    author.getText("t").insert(0, "old");
    await fold(topic);
    const joins = createJoins(topic);
    const slow = joins.messages(new Map(), { parts: true });
    await slow.next();
    topic.resetLog("another");
    expect(await all(joins.messages(new Map(), { parts: true }))).toEqual([END]);
    await slow.return(undefined);
  });
});
