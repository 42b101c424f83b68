import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { applyUpdate, Doc, encodeStateAsUpdate } from "yjs";
import { createFakeClient, FakeRoom, turn, updateOf } from "./client/doc-room.fixture.ts";
import type { DocHandle } from "./client.ts";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";

const MIB = 1_048_576;

function setUp() {
  const room = new FakeRoom();
  return { room, client: createFakeClient(room) };
}

function record(handle: DocHandle) {
  const seen: unknown[] = [];
  for (const name of ["synced", "unsaved", "saveState"] as const)
    handle.on(name, (value) => seen.push([name, value]));
  handle.on("error", ({ code }) => seen.push(["error", code]));
  return seen;
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "resolved",
    (error: unknown) => PlexlineError.from(error).code,
  );
}

function splitOf(bytes: Uint8Array, kind: number, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const isLast = at + size >= bytes.length ? 1 : 0;
    parts.push(Uint8Array.of(isLast, kind, ...bytes.subarray(at, at + size)));
  }
  return parts;
}

describe("joining", () => {
  test("[DC2] [DC3] a new document asks with its state vector and is synced when the answer has come", async () => {
    const { room, client } = setUp();
    room.log.push(updateOf((doc) => doc.getText("t").insert(0, "old")));
    const { handle, topic, text } = client.open({}, { holdsAnswers: true });
    const synced = handle.whenSynced();
    expect(topic.inputs).toEqual([{ parts: true }]);
    expect(topic.sentOf(DOC_KIND.syncRequest)).toEqual([Uint8Array.of(0)]);
    expect([handle.synced, text.toString()]).toEqual([false, ""]);
    topic.answer();
    await synced;
    expect([handle.synced, text.toString()]).toEqual([true, "old"]);
  });

  test("[DC3] after a complete sync only the tail comes, and synced waits for the whole of it", () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    topic.lose();
    expect(handle.synced).toBe(false);
    room.log.push(updateOf((doc) => doc.getText("t").insert(0, "tail")));
    topic.holdsAnswers = true;
    topic.connect();
    expect(handle.synced).toBe(false);
    topic.receive(DOC_KIND.update, room.log[0]!);
    expect(handle.synced).toBe(false);
    topic.committed();
    expect([handle.synced, text.toString()]).toEqual([true, "tail"]);
    expect(topic.sentOf(DOC_KIND.syncRequest)).toHaveLength(1);
  });

  test("[DC3] a connection lost before the answer begins again with sync-request, whatever recovered says", () => {
    const { room, client } = setUp();
    room.log.push(updateOf((doc) => doc.getText("t").insert(0, "old")));
    const { handle, topic, text } = client.open({}, { holdsAnswers: true });
    topic.lose();
    topic.holdsAnswers = false;
    topic.connect();
    expect(topic.status).toMatchObject({ result: { recovered: true } });
    expect(topic.sentOf(DOC_KIND.syncRequest)).toHaveLength(2);
    expect([handle.synced, text.toString()]).toEqual([true, "old"]);
  });

  test("parts make one message of the kind they name, and those of a lost connection are forgotten", () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open({}, { holdsAnswers: true });
    const update = updateOf((doc) => doc.getText("t").insert(0, "in parts"));
    const parts = splitOf(update, DOC_KIND.update, 7);
    topic.receive(DOC_KIND.part, parts[0]!);
    topic.lose();
    topic.connect();
    for (const part of parts) topic.receive(DOC_KIND.part, part);
    expect(text.toString()).toBe("in parts");
    expect(handle.synced).toBe(false);
    for (const part of splitOf(EMPTY_UPDATE, DOC_KIND.syncResponse, 1)) topic.receive(DOC_KIND.part, part);
    expect([handle.synced, room.pending.length]).toEqual([true, 2]);
  });

  test("[DC19] [DC20] a state nobody asked for, events and notices are passed over, and so is a kind not known yet", () => {
    const { client } = setUp();
    const { handle, topic, text } = client.open();
    const seen = record(handle);
    const update = updateOf((doc) => doc.getText("t").insert(0, "no content"));
    for (const kind of [DOC_KIND.state, DOC_KIND.event, DOC_KIND.notice, 8]) topic.receive(kind, update);
    for (const part of splitOf(update, DOC_KIND.state, 10)) topic.receive(DOC_KIND.part, part);
    topic.receive(DOC_KIND.event, new Uint8Array());
    topic.receive(
      DOC_KIND.update,
      updateOf((doc) => doc.getText("t").insert(0, "content")),
    );
    expect([seen, handle.synced, text.toString()]).toEqual([[], true, "content"]);
  });

  test("bytes that are no update are told as an error and disturb nothing else", () => {
    const { client } = setUp();
    const { handle, topic, text } = client.open();
    const seen = record(handle);
    topic.receive(DOC_KIND.update, Uint8Array.of(5, 255, 255));
    topic.receive(
      DOC_KIND.update,
      updateOf((doc) => doc.getText("t").insert(0, "fine")),
    );
    expect(seen).toEqual([["error", "INTERNAL"]]);
    expect([handle.synced, text.toString()]).toEqual([true, "fine"]);
  });
});

describe("saving", () => {
  test("[DC7] [B8] edits of one turn go out as one update and count until they are durable", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    room.commit();
    const seen = record(handle);
    text.insert(0, "a");
    text.insert(1, "b");
    expect([handle.unsaved, handle.saveState]).toEqual([2, "saving"]);
    await turn();
    text.insert(2, "c");
    await turn();
    expect(topic.sentOf(DOC_KIND.update)).toHaveLength(2);
    room.commit(1);
    expect([handle.unsaved, room.text]).toEqual([1, "ab"]);
    const saved = handle.whenSaved();
    room.commit();
    await saved;
    expect(room.text).toBe("abc");
    expect(seen).toEqual([
      ...[
        ["unsaved", 1],
        ["saveState", "saving"],
        ["unsaved", 2],
        ["unsaved", 3],
      ],
      ...[
        ["unsaved", 1],
        ["unsaved", 0],
        ["saveState", "saved"],
      ],
    ]);
  });

  test("[DC1] what was edited offline counts, and the answer to the next sync-request covers it", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    room.commit();
    text.insert(0, "a");
    await turn();
    topic.lose();
    room.pending = [];
    text.insert(1, "b");
    expect([handle.unsaved, handle.saveState]).toEqual([2, "offline"]);
    topic.connect();
    expect([handle.unsaved, handle.saveState]).toEqual([2, "saving"]);
    room.commit();
    expect([handle.unsaved, handle.saveState, room.text]).toEqual([0, "saved", "ab"]);
  });

  test("[B8] an acknowledgement of the subscription before, or of more than was sent, proves nothing", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    for (const letter of "abc") {
      text.insert(0, letter);
      await turn();
    }
    topic.lose();
    topic.emit("committed", { offset: 0, acked: 4 });
    expect(handle.unsaved).toBe(3);
    room.pending = [];
    topic.connect();
    topic.emit("committed", { offset: 0, acked: 4 });
    expect([handle.unsaved, room.text]).toEqual([3, ""]);
    room.commit();
    expect([handle.unsaved, room.text]).toEqual([0, "cba"]);
  });

  test("[DC1] edits before the server's question wait for it: they would build on what it does not have", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open({}, { isOnline: false });
    text.insert(0, "a");
    topic.holdsQuestion = true;
    topic.connect();
    text.insert(1, "b");
    await turn();
    expect(topic.sentOf(DOC_KIND.update)).toEqual([]);
    topic.ask();
    text.insert(2, "c");
    await turn();
    room.commit(1);
    expect([handle.unsaved, room.text]).toEqual([1, "ab"]);
    room.commit();
    expect([handle.unsaved, room.text]).toEqual([0, "abc"]);
    expect(topic.sentOf(DOC_KIND.update)).toHaveLength(1);
  });

  test("[B10] [DC9] what was refused stays unsaved until the answer to the server's next question is durable", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    room.commit();
    text.insert(0, "a");
    await turn();
    room.fail("STORAGE_UNAVAILABLE", false);
    expect([topic.acked, handle.unsaved]).toEqual([2, 1]);
    text.insert(1, "b");
    await turn();
    room.pending = [];
    topic.acked = 3;
    topic.committed();
    expect(handle.unsaved).toBe(1);
    room.ask();
    expect(handle.unsaved).toBe(1);
    room.commit();
    expect([handle.unsaved, room.text]).toEqual([0, "ab"]);
    expect(client.clock.timers.size).toBe(0);
  });

  test("[B8] an error that crosses the answer counts against the answer too", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    room.commit();
    text.insert(0, "a");
    await turn();
    room.ask();
    topic.emit("error", new PlexlineError("STORAGE_UNAVAILABLE"));
    room.commit();
    expect(handle.unsaved).toBe(1);
    expect(client.clock.delaysMs).toEqual([1_000]);
    client.clock.run();
    room.commit();
    expect(handle.unsaved).toBe(0);
  });

  test("[DC8] [DC11] after UPDATE_GAP it subscribes anew to be asked, slower each time, and never claims saved", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    room.commit();
    text.insert(0, "a");
    await turn();
    for (const delayMs of [1_000, 2_000, 4_000]) {
      room.fail("UPDATE_GAP", false);
      expect([handle.unsaved, handle.saveState]).toEqual([1, "saving"]);
      expect(client.clock.delaysMs).toEqual([delayMs]);
      client.clock.run();
    }
    expect(topic.inputs).toHaveLength(4);
    room.commit();
    expect([handle.unsaved, room.text, client.clock.timers.size]).toEqual([0, "a", 0]);
  });

  test("[DC5] what is refused for good is tried once more in an answer, then whenSaved rejects", async () => {
    const { room, client } = setUp();
    const { handle, text } = client.open();
    room.commit();
    const seen = record(handle);
    text.insert(0, "a");
    const saved = codeOf(handle.whenSaved());
    await turn();
    room.fail("UPDATE_INVALID", false);
    expect(handle.saveError).toBeUndefined();
    client.clock.run();
    room.fail("UPDATE_INVALID", false);
    expect(await saved).toBe("UPDATE_INVALID");
    expect(await codeOf(handle.whenSaved())).toBe("UPDATE_INVALID");
    expect([handle.unsaved, client.clock.timers.size]).toEqual([1, 0]);
    expect(seen.filter((event) => String(event).startsWith("error"))).toHaveLength(2);
  });

  test("[DC10] [DC11] edits among what another user has not saved are tried again, sooner when the document grows", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    text.insert(0, "a");
    await turn();
    for (let n = 0; n < 4; n++) {
      room.fail("CLIENT_ID_TAKEN", false);
      if (n < 3) client.clock.run();
    }
    expect([handle.saveError?.code, client.clock.delaysMs]).toEqual(["CLIENT_ID_TAKEN", [8_000]]);
    topic.receive(DOC_KIND.update, EMPTY_UPDATE);
    expect(client.clock.delaysMs).toEqual([4_000]);
    client.clock.run();
    room.commit();
    expect([handle.unsaved, handle.saveError, room.text]).toEqual([0, undefined, "a"]);
  });

  test("[DC12] [B8] after FORBIDDEN, which the server does not count, nothing is sent before it has subscribed anew", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    room.commit();
    text.insert(0, "a");
    await turn();
    room.pending.pop();
    topic.number -= 1;
    topic.emit("error", new PlexlineError("FORBIDDEN"));
    text.insert(1, "b");
    await turn();
    topic.ask();
    room.commit();
    expect([room.pending.length, handle.unsaved]).toEqual([0, 2]);
    expect([topic.inputs.length, client.clock.delaysMs]).toEqual([1, [1_000]]);
    client.clock.run();
    room.commit();
    expect([topic.inputs.length, handle.unsaved, room.text]).toEqual([2, 0, "ab"]);
  });

  test("the refusal of an awareness state does not put edits in doubt", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    text.insert(0, "a");
    await turn();
    topic.emit("error", new PlexlineError("PRESENCE_INVALID"));
    room.commit();
    expect(handle.unsaved).toBe(0);
  });

  test("an edit that is too large for an update goes with the answer of a new subscription", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    text.insert(0, "x".repeat(2 * MIB));
    text.insert(0, "a");
    await turn();
    expect(topic.sentOf(DOC_KIND.update)).toEqual([]);
    expect(topic.sentOf(DOC_KIND.syncResponse)).toHaveLength(2);
    room.commit();
    expect([handle.unsaved, room.text.length]).toEqual([0, 2 * MIB + 1]);
  });

  test("a later answer that is too large is given on a new subscription, as its first", async () => {
    const { room, client } = setUp();
    const { topic, text } = client.open();
    for (let n = 0; n < 3; n++) {
      text.insert(0, "x".repeat(MIB / 2));
      await turn();
    }
    room.fail();
    const answers = topic.sentOf(DOC_KIND.syncResponse);
    expect(answers.map(({ length }) => length > MIB)).toEqual([false, true]);
    expect(topic.inputs).toHaveLength(2);
    room.commit();
    expect(room.text).toHaveLength(1.5 * MIB);
  });

  test("what a given Y.Doc already holds counts until the server has it", () => {
    const { room, client } = setUp();
    const doc = new Doc();
    doc.getText("t").insert(0, "from a local store");
    const { handle } = client.open({ doc }, { isOnline: false });
    expect([handle.unsaved, handle.saveState]).toEqual([1, "offline"]);
    handle.topic.subscribe();
    (handle.topic as unknown as { connect(): void }).connect();
    expect(handle.unsaved).toBe(1);
    room.commit();
    expect([handle.unsaved, room.text]).toEqual([0, "from a local store"]);
  });
});

describe("a reader", () => {
  test("[DC12] sends nothing; its edits stay unsaved and are told as FORBIDDEN, what a local store loads is not", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open({}, { mayWrite: false });
    const seen = record(handle);
    applyUpdate(
      handle.doc,
      updateOf((doc) => doc.getText("t").insert(0, "stored")),
      "a local store",
    );
    expect([handle.canWrite, handle.unsaved]).toEqual([false, 0]);
    text.insert(0, "mine ");
    text.insert(0, "all ");
    await turn();
    expect(await codeOf(handle.whenSaved())).toBe("FORBIDDEN");
    expect(seen).toEqual([
      ...[
        ["error", "FORBIDDEN"],
        ["unsaved", 1],
        ["saveState", "saving"],
        ["unsaved", 2],
      ],
    ]);
    room.ask();
    expect(topic.sent.map(({ kind }) => kind)).not.toContain(DOC_KIND.update);
    topic.lose();
    topic.mayWrite = true;
    topic.connect();
    expect([handle.canWrite, handle.unsaved]).toEqual([true, 3]);
    room.commit();
    expect([handle.unsaved, room.text]).toEqual([0, "all mine stored"]);
  });
});

describe("another document under the same name", () => {
  test("[DC17] a gap of another epoch ends the handle and hands out a copy; nothing is merged", async () => {
    const { room, client } = setUp();
    const { handle, topic, text } = client.open();
    text.insert(0, "mine");
    await turn();
    const resets: Uint8Array[] = [];
    handle.on("reset", ({ update }) => {
      resets.push(update);
      expect(client.openDoc("page:9").doc).not.toBe(handle.doc);
    });
    const saved = codeOf(handle.whenSaved());
    room.epoch = "e2";
    room.log = [updateOf((doc) => doc.getText("t").insert(0, "other"))];
    topic.emit("gap", { position: { epoch: "e2", offset: 1 }, reason: "reset" });
    topic.receive(DOC_KIND.update, room.log[0]!);
    expect(await saved).toBe("RESYNC");
    expect([text.toString(), handle.synced, topic.status.state]).toEqual(["mine", false, "unsubscribed"]);
    const copy = new Doc();
    applyUpdate(copy, resets[0]!);
    expect(copy.getText("t").toString()).toBe("mine");
    expect(client.openDoc("page:9").doc.getText("t").toString()).toBe("other");
  });

  test("[DC17] so does a reply of another epoch, after a sync that was not complete too", () => {
    const { room, client } = setUp();
    const { handle, topic } = client.open({}, { holdsAnswers: true });
    topic.lose();
    const resets: unknown[] = [];
    handle.on("reset", ({ reason }) => resets.push(reason));
    room.epoch = "e2";
    topic.connect();
    expect(resets).toEqual(["reset"]);
  });
});

describe("handles", () => {
  test("handles of one document share it until the last is destroyed; then it begins afresh", () => {
    const { room, client } = setUp();
    const first = client.open();
    const second = client.openDoc("page:9", { doc: first.handle.doc });
    expect(client.topics).toHaveLength(1);
    first.handle.destroy();
    first.handle.destroy();
    expect(second.status.state).toBe("subscribed");
    second.destroy();
    expect(first.topic.status.state).toBe("unsubscribed");
    expect(room.topics.size).toBe(0);
    expect(client.openDoc("page:9").doc).not.toBe(first.handle.doc);
  });

  test("a second handle with another Y.Doc, or under another name, is refused", async () => {
    const { client } = setUp();
    client.open();
    expect(() => client.openDoc("page:9", { doc: new Doc() })).toThrow(/another Y.Doc/);
    const other = client.openDoc({ name: "page", params: { id: "9" } });
    expect(await codeOf(other.whenSynced())).toBe("OPERATION_UNSUPPORTED");
  });

  test("a destroyed handle has sent its last edits; the document lives on by itself", async () => {
    const { room, client } = setUp();
    const { handle, text } = client.open();
    const statuses: string[] = [];
    handle.on("status", ({ status }) => statuses.push(status));
    text.insert(0, "last");
    handle.destroy();
    room.commit();
    expect([room.text, await codeOf(handle.whenSaved()), statuses]).toEqual([
      ...["last", "CLIENT_CLOSED", ["disconnected"]],
    ]);
    text.insert(0, "not ");
    expect(handle.unsaved).toBe(1);
  });

  test("a refused subscription, a closed client and a destroyed Y.Doc are told to those who wait", async () => {
    const { client } = setUp();
    const { handle, topic } = client.open({}, { isOnline: false });
    const waits = [codeOf(handle.whenSynced())];
    topic.setStatus({ state: "unsubscribed", error: new PlexlineError("REVOKED") });
    waits.push(codeOf(handle.whenSynced()));
    handle.connect();
    waits.push(codeOf(handle.whenSynced()));
    client.close();
    expect(await Promise.all(waits)).toEqual(["REVOKED", "REVOKED", "CLIENT_CLOSED"]);
    expect(client.openDoc("page:9").status.state).toBe("unsubscribed");

    const other = setUp().client.open();
    other.handle.doc.destroy();
    expect(await codeOf(other.handle.whenSynced())).toBe("CLIENT_CLOSED");
  });

  test("disconnect and connect, status and sync are what Yjs providers have", async () => {
    const { client } = setUp();
    const { handle, topic, text } = client.open({ connect: false });
    expect(topic.inputs).toEqual([]);
    const seen: unknown[] = [];
    handle.on("status", ({ status }) => seen.push(status));
    handle.on("sync", (synced) => seen.push(synced));
    const unheard = (): void => void seen.push("unheard");
    handle.on("synced", unheard);
    handle.off("synced", unheard);
    handle.connect();
    handle.connect();
    text.insert(0, "a");
    handle.disconnect();
    expect(topic.sentOf(DOC_KIND.update)).toHaveLength(1);
    expect(seen).toEqual(["connecting", "connected", true, "disconnected", false]);
    expect(encodeStateAsUpdate(handle.doc)).not.toEqual(EMPTY_UPDATE);
  });
});
