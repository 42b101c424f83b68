import { closeReason, type ErrorCode, PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { encodeBase64 } from "../../../encoding/base64.ts";
import { decodeDocEvent, encodeDocEvent } from "../../event.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { createScriptedSession } from "../scripted-session.fixture.ts";
import { fabric } from "./endpoint.ts";
import { ALIAS, bytes, connect, DENIED, refused, TOPIC } from "./session.fixture.ts";

const CONNECTED = { type: "connected", clientID: "a", mode: "yjs" };

describe("connecting", () => {
  test("[FB1] [FB2] [FB3] connected comes first, then the document of the query is joined", async () => {
    const { received, subscribed, closed } = await connect();
    expect(received()).toEqual([CONNECTED]);
    expect([subscribed, closed]).toEqual([[TOPIC], []]);
  });

  test("[FB2] without steps connected does not wait for the document", async () => {
    const told: unknown[] = [];
    const script = {
      subscribe: async () => {
        told.push(...session.sent);
      },
    };
    const session = createScriptedSession(
      { params: {}, query: new URLSearchParams("documentId=plan&clientID=a") } as never,
      script,
    );
    await fabric({ stepsTopic: null }).onConnect?.(session.ws, session.ws.request);
    expect(told).toEqual([JSON.stringify(CONNECTED)]);
  });

  test("[FB2] a client without a clientID is given one", async () => {
    for (const query of ["documentId=plan", "documentId=plan&clientID="]) {
      const { received, ws } = await connect({ query });
      expect(received()).toEqual([{ ...CONNECTED, clientID: ws.id }]);
    }
  });

  test("[FB1] path and topic are those of the options; the token does not come in the query", async () => {
    expect(fabric()).toMatchObject({ path: "/ws/fabric" });
    expect(fabric()).not.toHaveProperty("tokenParameter");
    expect(fabric({ path: "/fabric" })).toMatchObject({ path: "/fabric" });
    const { subscribed } = await connect({
      options: { topic: (id) => `page:${id.toUpperCase()}`, stepsTopic: null },
    });
    expect(subscribed).toEqual(["page:PLAN"]);
  });

  test.each<[string, string]>([
    ["", "documentId is missing in the query."],
    ["documentId=&clientID=a", "documentId is missing in the query."],
    [`documentId=plan&clientID=${"x".repeat(129)}`, "clientID may have at most 128 characters."],
  ])("[FB1] the query %j closes with 1008, and nothing is heard afterwards", async (query, reason) => {
    const { closed, sent, say, subscribed } = await connect({ query });
    await say("sync");
    expect([closed, sent, subscribed]).toEqual([[[1008, reason]], [], []]);
  });

  test.each<[ErrorCode, number]>([
    ["TOPIC_UNKNOWN", 1008],
    ["STORAGE_UNAVAILABLE", 1013],
    ["OVERLOADED", 1013],
    ["HANDLER_TIMEOUT", 1011],
    ["SHUTTING_DOWN", 1012],
  ])("[FB17] a document that cannot be joined for %s closes with %i after an error", async (code, close) => {
    const { closed, heard, say, forwarded } = await connect({ script: { subscribe: () => refused(code) } });
    expect(heard()).toMatchObject([{ type: "error", code }]);
    expect(closed).toEqual([[close, closeReason(code, new PlexlineError(code).message)]]);
    await say("sync");
    expect([forwarded, closed.length]).toEqual([[], 1]);
  });

  test("[FB17] a failure that is no error of ours does not tell its text", async () => {
    const script = { subscribe: () => Promise.reject(new Error("secret")) };
    const { closed, sent } = await connect({ script });
    expect(closed).toEqual([[1011, expect.not.stringContaining("secret")]]);
    expect(sent.join()).not.toContain("secret");
  });

  test("[FB1] a documentId that makes no topic closes with 1008", async () => {
    for (const id of ["with space", "star*", "x".repeat(300)]) {
      const { closed, subscribed } = await connect({ query: `documentId=${encodeURIComponent(id)}` });
      expect([closed, subscribed]).toEqual([[[1008, expect.stringMatching(/^TOPIC_INVALID: /)]], []]);
    }
  });

  test.each<[ErrorCode, object | null]>([
    ["TOKEN_MISSING", { code: 4401, reason: "Unauthorized" }],
    ["TOKEN_INVALID", { code: 4401, reason: "Unauthorized" }],
    ["TOKEN_EXPIRED", { code: 4401, reason: "Unauthorized" }],
    ["REVOKED", null],
    ["SLOW_CONSUMER", null],
  ])("[FB17] the engine closes for %s with %j, null for its own words", (code, close) => {
    expect(fabric().closeFor?.(new PlexlineError(code))).toEqual(close);
  });

  test("[FB17] a token that ends while the document is joined, or under a message, is Unauthorized", async () => {
    const early = await connect({ script: { subscribe: () => refused("TOKEN_EXPIRED") } });
    expect([early.closed, early.heard()]).toEqual([[[4401, "Unauthorized"]], []]);
    const late = await connect({ script: { sendBinary: () => refused("TOKEN_EXPIRED") } });
    await late.say("update", [0, 0]);
    expect([late.closed, late.heard()]).toEqual([[[4401, "Unauthorized"]], []]);
  });

  test("[FB6] [FB18] the engine is asked for a limit that fits numbers, and to read slowly", () => {
    expect(fabric()).toMatchObject({ messageBytesMax: 4 * 1024 * 1024 + 4096, overRate: "wait" });
  });
});

describe("messages", () => {
  test.each<[string, unknown]>([
    ["no JSON", "{"],
    ["bytes", bytes(1)],
    ["null", "null"],
    ["an array", "[]"],
    ["text", '"sync"'],
    ["no type", { documentId: "plan" }],
    ["a type that is no text", { type: 1 }],
    ["a type that is too long", { type: "x".repeat(65) }],
    ["a documentId that is no text", { type: "sync", documentId: 1 }],
    ["a key that is an attack", '{"type":"sync","__proto__":{}}'],
  ])("[FB4] %s is answered MALFORMED_MESSAGE, and the connection stays", async (_name, message) => {
    const { hear, say, heard, closed, forwarded } = await connect();
    await hear(message);
    expect(heard()).toEqual([
      { type: "error", code: "MALFORMED_MESSAGE", message: expect.any(String), fix: expect.any(String) },
    ]);
    await say("sync");
    expect([closed, forwarded.length]).toEqual([[], 1]);
  });

  test("[FB4] JSON that is too deep is answered JSON_TOO_DEEP", async () => {
    const { hear, heard } = await connect();
    await hear(`{"type":"selection","data":${"[".repeat(40)}${"]".repeat(40)}}`);
    expect(heard()).toMatchObject([{ code: "JSON_TOO_DEEP" }]);
  });

  test.each(["steps", "agent-change-proposed", "connected", "error", "SYNC", ""])(
    "[FB4] [FB12] a client may not send the type %j",
    async (type) => {
      const { say, heard, forwarded, closed } = await connect();
      await say(type, {});
      expect(heard()).toMatchObject([{ type: "error", documentId: "plan", code: "UNKNOWN_MESSAGE" }]);
      expect([forwarded, closed]).toEqual([[], []]);
    },
  );

  test("[FB5] bytes come in any of their forms", async () => {
    const { say, forwarded, heard } = await connect();
    const update = bytes(0, 1, 250, 255, 9);
    for (const data of ["AAH6/wk=", "AAH6_wk", [...update], { ...update }, update, Buffer.from(update)])
      await say("update", data);
    await say("awareness", "");
    expect(forwarded).toEqual([
      ...Array.from({ length: 6 }, () => [DOC_KIND.update, update]),
      [DOC_KIND.awareness, bytes()],
    ]);
    expect(heard()).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a number", 7],
    ["text that is no base64", "!!"],
    ["base64 that is cut off", "AAAAA"],
    ["a number that is no byte", [1, 256]],
    ["a negative number", [-1]],
    ["half a number", [0.5]],
    ["text in an array", ["1"]],
    ["an index that is missing", { 0: 1, 2: 1 }],
    ["other keys", { length: 1, 0: 1 }],
    ["a Buffer of no bytes", { type: "Buffer", data: ["x"] }],
  ])("[FB5] %s in data is answered MALFORMED_MESSAGE", async (_name, data) => {
    const { say, heard, forwarded, closed } = await connect();
    await say("update", data);
    await say("awareness", data);
    expect(heard().map(({ code }) => code)).toEqual(["MALFORMED_MESSAGE", "MALFORMED_MESSAGE"]);
    expect([forwarded, closed]).toEqual([[], []]);
  });

  test("[FB6] a long message has its bytes as base64", async () => {
    const { say, heard, forwarded } = await connect();
    const long = new Uint8Array(4 * 1024 * 1024);
    await say("sync", encodeBase64(long));
    expect(forwarded[0]?.[1].length).toBe(long.length);
    await say("sync", Array.from(long));
    expect(heard()).toMatchObject([{ code: "MESSAGE_TOO_LARGE" }]);
  });
});

describe("syncing", () => {
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["null", null],
    ["no bytes", []],
    ["the state vector of nothing", [0]],
    ["a state vector", [2, 200, 1, 5, 7, 0]],
    ["SyncStep1", [0, 1, 0]],
  ])("[FB7] [FB8] sync with %s asks for the document", async (_name, data) => {
    const { say, push, forwarded, heard } = await connect();
    await say("sync", data);
    expect(forwarded).toEqual([[DOC_KIND.state, bytes()]]);
    push(DOC_KIND.state, bytes(1, 2, 3));
    expect(heard()).toEqual([{ type: "sync", documentId: "plan", data: "AQID" }]);
  });

  test.each<[string, number[], number[]]>([
    ["the empty update", [0, 0], [0, 0]],
    ["an update", [0, 1, 5, 1, 0, 1], [0, 1, 5, 1, 0, 1]],
    ["SyncStep2", [1, 2, 0, 0], [0, 0]],
    ["Update", [2, 2, 0, 0], [0, 0]],
  ])("[FB7] sync with %s tells what the client has", async (_name, data, update) => {
    const { say, push, forwarded } = await connect();
    push(DOC_KIND.state, EMPTY_UPDATE);
    await say("sync", data);
    expect(forwarded).toEqual([[DOC_KIND.syncResponse, Uint8Array.from(update)]]);
  });

  test("[FB8] a client that begins by telling what it has is answered; later it is not", async () => {
    const { say, push, forwarded } = await connect();
    await say("sync", [0, 0]);
    expect(forwarded.map(([kind]) => kind)).toEqual([DOC_KIND.syncResponse, DOC_KIND.state]);
    push(DOC_KIND.state, EMPTY_UPDATE);
    await say("sync", [0, 0]);
    expect(forwarded.map(([kind]) => kind).slice(2)).toEqual([DOC_KIND.syncResponse]);
  });

  test("[FB8] [FB13] a reader that begins by telling what it has is denied that, and answered", async () => {
    const sendBinary = (kind: number) =>
      kind === DOC_KIND.syncResponse ? refused("FORBIDDEN") : Promise.resolve();
    const { say, forwarded, heard } = await connect({ script: { sendBinary } });
    await say("sync", [0, 0]);
    expect(forwarded.map(([kind]) => kind)).toContain(DOC_KIND.state);
    expect(heard()).toEqual([DENIED]);
  });

  test("[FB7] an update may be wrapped; a question is none", async () => {
    const { say, forwarded } = await connect();
    await say("update", [2, 2, 0, 0]);
    await say("update", [0, 1, 0]);
    await say("update", [0]);
    expect(forwarded.map(([, payload]) => payload)).toEqual([bytes(0, 0), bytes(0, 1, 0), bytes(0)]);
  });

  test("[FB9] the server's question comes with the first answer, and by itself after that", async () => {
    const { say, push, heard } = await connect();
    push(DOC_KIND.syncRequest, bytes(1, 5, 2));
    push(DOC_KIND.syncRequest, bytes(1, 5, 3));
    expect(heard()).toEqual([]);
    await say("sync");
    push(DOC_KIND.state, bytes(1, 2, 3));
    push(DOC_KIND.syncRequest, bytes(0));
    push(DOC_KIND.state, bytes(1, 2, 3));
    const answer = { type: "sync", documentId: "plan", data: "AQID" };
    expect(heard()).toEqual([
      { ...answer, stateVector: "AQUD" },
      { ...answer, data: "AAA=", stateVector: "AA==" },
      answer,
    ]);
  });

  test("[FB9] a client that has told what it has is not asked for it once more", async () => {
    const { say, push, heard } = await connect();
    push(DOC_KIND.syncRequest, bytes(0));
    await say("sync", [0, 0]);
    push(DOC_KIND.state, bytes(1, 2, 3));
    expect(heard()).toEqual([{ type: "sync", documentId: "plan", data: "AQID" }]);
  });
});

describe("relaying", () => {
  test("[FB10] what the room says goes to the client as base64, and other kinds do not", async () => {
    const { push, tell, heard } = await connect();
    push(DOC_KIND.update, bytes(1, 2, 3));
    push(DOC_KIND.awareness, bytes(0));
    push(DOC_KIND.syncResponse, EMPTY_UPDATE);
    push(DOC_KIND.part, bytes(1, 0, 9));
    tell({ type: "committed", alias: ALIAS, offset: 1, acked: 1 });
    expect(heard()).toEqual([
      { type: "update", documentId: "plan", data: "AQID" },
      { type: "awareness", documentId: "plan", data: "AA==" },
    ]);
  });

  test("[FB10] one frame serves all connections that are told the same, each under its document", async () => {
    const endpoint = fabric({ stepsTopic: null });
    const frameFor = async (id: string, kind: number, payload: Uint8Array) => {
      const request = { params: {}, query: new URLSearchParams({ documentId: id }) };
      const session = createScriptedSession(request);
      await endpoint.onConnect?.(session.ws, session.ws.request);
      return session.translate({ alias: ALIAS, kind, payload });
    };
    const selection = encodeDocEvent({ name: "selection", data: { clientID: "b", data: 1 } });
    const first = await frameFor("plan", DOC_KIND.event, selection);
    // Were the payload read again, this would show.
    selection.fill(0);
    expect(await frameFor("plan", DOC_KIND.event, selection)).toBe(first);
    const shared = await frameFor("plan", DOC_KIND.update, EMPTY_UPDATE);
    expect(JSON.parse(String(shared))).toMatchObject({ documentId: "plan" });
    const other = await frameFor('o"ther', DOC_KIND.update, EMPTY_UPDATE);
    expect(JSON.parse(String(other))).toEqual({ type: "update", documentId: 'o"ther', data: "AAA=" });
    const asState = await frameFor('o"ther', DOC_KIND.state, EMPTY_UPDATE);
    expect(JSON.parse(String(asState))).toMatchObject({ type: "sync" });
  });

  test("[FB11] a selection goes out with the clientID of the connection, whatever the message says", async () => {
    const { say, forwarded } = await connect();
    await say("selection", { anchor: 1, head: 2 }, { clientID: "somebody else" });
    await say("selection");
    expect(forwarded.map(([kind]) => kind)).toEqual([DOC_KIND.event, DOC_KIND.event]);
    expect(forwarded.map(([, payload]) => decodeDocEvent(payload))).toEqual([
      { name: "selection", data: { clientID: "a", data: { anchor: 1, head: 2 } } },
      { name: "selection", data: { clientID: "a", data: null } },
    ]);
  });

  test("[FB11] a selection that is too large is refused", async () => {
    const { say, forwarded, heard } = await connect();
    await say("selection", "x".repeat(20_000));
    expect([forwarded, heard()]).toMatchObject([[], [{ code: "MALFORMED_MESSAGE" }]]);
  });

  test("[FB11] selections come in with their clientID, those of other dialects without", async () => {
    const { push, heard } = await connect();
    for (const data of [
      { clientID: "b", data: { anchor: 3 } },
      { anchor: 4 },
      { clientID: 5, data: 1 },
      null,
    ])
      push(DOC_KIND.event, encodeDocEvent({ name: "selection", data }));
    push(DOC_KIND.event, encodeDocEvent({ name: "stateless", data: 1 }));
    const selection = { type: "selection", documentId: "plan" };
    expect(heard()).toEqual([
      { ...selection, clientID: "b", data: { anchor: 3 } },
      { ...selection, data: { anchor: 4 } },
      { ...selection, data: { clientID: 5, data: 1 } },
      { ...selection, data: null },
    ]);
  });

  test("[FB12] agent changes are sent under their name, other notices and events are not", async () => {
    const { push, heard } = await connect();
    push(DOC_KIND.notice, encodeDocEvent({ name: "agent-change-proposed", data: { id: 1 } }));
    push(DOC_KIND.notice, encodeDocEvent({ name: "agent-changed", data: 1 }));
    push(DOC_KIND.notice, encodeDocEvent({ name: "selection", data: 1 }));
    push(DOC_KIND.event, encodeDocEvent({ name: "agent-change-proposed", data: 1 }));
    expect(heard()).toEqual([{ type: "agent-change-proposed", documentId: "plan", data: { id: 1 } }]);
  });
});
