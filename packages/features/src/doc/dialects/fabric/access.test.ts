import { type ErrorCode, PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { DOCUMENTS_MAX } from "./conversation.ts";
import { bytes, connect, DENIED, refused, TOPIC } from "./session.fixture.ts";

const CONNECTED = { type: "connected", clientID: "a", mode: "yjs" };
/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("access", () => {
  const denying = () => {
    const access = { isGiven: false };
    const subscribe = () => (access.isGiven ? Promise.resolve() : refused("FORBIDDEN"));
    return { access, script: { subscribe } };
  };

  test("[FB13] who has no access stays, and each message is denied once, whatever it holds", async () => {
    const { script } = denying();
    const { say, hear, received, closed, forwarded, subscribed } = await connect({ script });
    expect(received()).toEqual([CONNECTED]);
    for (const [type, data] of [
      ["sync"],
      ["update", [0, 0]],
      ["awareness", "AA=="],
      ["selection", 1],
      ["update", "not bytes!"],
      ["agent-change-x"],
    ] as const)
      await say(type, data);
    expect(received()).toEqual([CONNECTED, ...Array.from({ length: 6 }, () => DENIED)]);
    await hear("{");
    expect(received().at(-1)).toMatchObject({ code: "MALFORMED_MESSAGE" });
    expect([closed, forwarded]).toEqual([[], []]);
    expect(subscribed).toHaveLength(7);
  });

  test("[FB13] messages that come together ask once", async () => {
    const { script } = denying();
    const { say, received, subscribed } = await connect({ script });
    await Promise.all(Array.from({ length: 100 }, () => say("update", [0, 0])));
    expect(received()).toHaveLength(101);
    expect(subscribed).toHaveLength(2);
  });

  test("[FB14] once access is given the next message is taken, and brings the document", async () => {
    const { script, access } = denying();
    const { say, push, forwarded, heard } = await connect({ script });
    await say("update", [0, 0]);
    access.isGiven = true;
    await Promise.all([say("update", [0, 0]), say("update", [0, 1])]);
    expect(forwarded.filter(([kind]) => kind === DOC_KIND.update)).toHaveLength(2);
    expect(forwarded.filter(([kind]) => kind === DOC_KIND.state)).toHaveLength(1);
    push(DOC_KIND.state, EMPTY_UPDATE);
    expect(heard()).toEqual([DENIED, { type: "sync", documentId: "plan", data: "AAA=" }]);
  });

  test("[FB14] a sync that is the first message with access is answered once", async () => {
    const { script, access } = denying();
    const { say, forwarded } = await connect({ script });
    access.isGiven = true;
    await say("sync");
    expect(forwarded).toEqual([[DOC_KIND.state, bytes()]]);
  });

  test("[FB13] [FB14] a reader who comes late is denied the update, and brought the document", async () => {
    const { script, access } = denying();
    const sendBinary = (kind: number) =>
      kind === DOC_KIND.update ? refused("FORBIDDEN") : Promise.resolve();
    const { say, forwarded, heard } = await connect({ script: { ...script, sendBinary } });
    access.isGiven = true;
    await say("update", [0, 0]);
    expect(heard()).toEqual([DENIED]);
    expect(forwarded.map(([kind]) => kind)).toContain(DOC_KIND.state);
  });

  test("[FB14] access that is taken away is told once, then each message asks again", async () => {
    const { script, access } = denying();
    access.isGiven = true;
    const { say, end, heard, closed, subscribed, forwarded } = await connect({ script });
    access.isGiven = false;
    end("REVOKED");
    expect(heard()).toMatchObject([{ type: "error", documentId: "plan", code: "REVOKED" }]);
    await say("update", [0, 0]);
    expect(heard().slice(1)).toEqual([DENIED]);
    access.isGiven = true;
    await say("selection", 1);
    expect([closed, subscribed.length]).toEqual([[], 3]);
    expect(forwarded.map(([kind]) => kind).sort()).toEqual([DOC_KIND.state, DOC_KIND.event]);
  });

  test("[FB14] a subscription that ends under a message is asked for once more", async () => {
    let isFirst = true;
    const sendBinary = () => {
      const wasFirst = isFirst;
      isFirst = false;
      return wasFirst ? refused("NOT_SUBSCRIBED") : Promise.resolve();
    };
    const { say, subscribed, heard } = await connect({ script: { sendBinary } });
    await say("update", [0, 0]);
    expect([subscribed.length, heard()]).toEqual([2, []]);
    const never = await connect({ script: { sendBinary: () => refused("NOT_SUBSCRIBED") } });
    await never.say("update", [0, 0]);
    expect([never.subscribed.length, never.heard()]).toEqual([2, [DENIED]]);
  });

  test("[FB15] a message may name another document, which is joined and told apart", async () => {
    const { say, push, subscribed, addressed, heard } = await connect();
    await say("sync", undefined, { documentId: "other" });
    await say("update", [0, 0], { documentId: null });
    push(DOC_KIND.update, bytes(1), "doc:other");
    expect(subscribed).toEqual([TOPIC, "doc:other"]);
    expect(addressed).toEqual(["doc:other", TOPIC]);
    expect(heard()).toEqual([{ type: "update", documentId: "other", data: "AQ==" }]);
  });

  test("[FB15] a document that is refused is no hindrance to others, and those are limited", async () => {
    const script = {
      subscribe: (topic: string) => (topic.includes("no") ? refused("FORBIDDEN") : Promise.resolve()),
    };
    const { say, heard, subscribed } = await connect({ script });
    for (let n = 0; n < 30; n += 1) await say("sync", undefined, { documentId: `no${n}` });
    expect(heard()).toEqual(Array.from({ length: 30 }, () => DENIED));
    for (let n = 1; n < DOCUMENTS_MAX; n += 1) await say("sync", undefined, { documentId: `d${n}` });
    expect(heard()).toHaveLength(30);
    await say("sync", undefined, { documentId: "one too many" });
    await say("sync", undefined, { documentId: "one-too-many" });
    expect(heard().slice(30)).toMatchObject([
      { documentId: "one too many", code: "TOPIC_INVALID" },
      { documentId: "one-too-many", code: "SUBSCRIPTIONS_MAX" },
    ]);
    expect(subscribed).toHaveLength(30 + DOCUMENTS_MAX);
    await say("sync", undefined, { documentId: "d1" });
    expect(heard()).toHaveLength(32);
  });
});

describe("what goes wrong", () => {
  test.each<[ErrorCode]>([
    ["UPDATE_INVALID"],
    ["CLIENT_ID_TAKEN"],
    ["UPDATE_GAP"],
    ["MESSAGE_TOO_LARGE"],
    ["STORAGE_UNAVAILABLE"],
    ["HANDLER_TIMEOUT"],
  ])("[FB16] %s is told with code and fix, and the connection stays", async (code) => {
    const { say, heard, closed } = await connect({ script: { sendBinary: () => refused(code) } });
    await say("update", [0, 0]);
    const { message, fix } = new PlexlineError(code);
    expect([heard(), closed]).toEqual([[{ type: "error", documentId: "plan", code, message, fix }], []]);
  });

  test("[FB16] a failure that is no error of ours does not tell its text", async () => {
    const script = { sendBinary: () => Promise.reject(new Error("secret")) };
    const { say, sent, heard } = await connect({ script });
    await say("update", [0, 0]);
    expect(heard()).toMatchObject([{ code: "HANDLER_FAILED" }]);
    expect(sent.join()).not.toContain("secret");
  });

  test("[FB16] what comes later than its message is told, except for what only others may send", async () => {
    const { tell, heard, say } = await connect({ script: { sendBinary: () => refused("CLIENT_ID_TAKEN") } });
    for (const code of ["UPDATE_GAP", "STORAGE_UNAVAILABLE", "CLIENT_ID_TAKEN"] as const)
      tell({ type: "error", topic: TOPIC, error: new PlexlineError(code).toBody() });
    expect(heard()).toMatchObject([
      { type: "error", documentId: "plan", code: "UPDATE_GAP" },
      { type: "error", documentId: "plan", code: "STORAGE_UNAVAILABLE" },
    ]);
    await say("sync", [0, 0]);
    expect(heard()).toHaveLength(2);
  });

  test.each<["trimmed" | "reset", number]>([
    ["reset", 4409],
    ["trimmed", 4510],
  ])("[FB17] a gap of the kind %s is told by RESYNC and closes with %i", async (reason, close) => {
    const { tell, push, heard, closed, say } = await connect();
    tell({ type: "gap", topic: TOPIC, position: { epoch: "e", offset: 1 }, reason });
    await settled();
    expect(heard()).toMatchObject([{ type: "error", code: "RESYNC" }]);
    expect(closed).toEqual([[close, expect.stringMatching(/^RESYNC: /)]]);
    if (reason === "reset") expect(heard()[0].message).toMatch(/^The document was replaced; /);
    await say("update", "!");
    push(DOC_KIND.update, bytes(1));
    expect([closed.length, heard().length]).toEqual([1, 1]);
  });

  test("[FB17] a subscription that ends for a reason that passes closes, so that the client comes back", async () => {
    const { end, heard, closed } = await connect();
    end("STORAGE_UNAVAILABLE");
    await settled();
    expect(heard()).toMatchObject([{ type: "error", code: "STORAGE_UNAVAILABLE" }]);
    expect(closed).toEqual([[1013, expect.stringMatching(/^STORAGE_UNAVAILABLE: /)]]);
  });

  test("[FB17] a subscription that ends with the token closes as Unauthorized", async () => {
    const { end, closed } = await connect();
    end("TOKEN_EXPIRED");
    await settled();
    expect(closed).toEqual([[4401, "Unauthorized"]]);
  });
});
