import { type BinaryMessage, type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession, UpgradeRequest } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { readAwareness, writeAwareness } from "../../awareness/codec.ts";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { createScriptedSession, type ScriptedSession } from "../scripted-session.fixture.ts";
import { NUMBERS_BYTES_MAX } from "./bytes.ts";
import { type CombinedModule, type CombinedOptions, combined } from "./endpoint.ts";
import { MESSAGE_BYTES_MAX } from "./message.ts";

const ALIAS = 7;
const UPDATE = Uint8Array.of(1, 2, 3);
const BASE64 = "AQID";
const NOTHING = new Uint8Array(0);

/** Connects a scripted session to the endpoint, as the engine would. */
async function connect(options: CombinedOptions = {}, script: Partial<ScriptedSession["script"]> = {}) {
  const endpoint = combined(options);
  const session = createScriptedSession({ params: {} }, script);
  await endpoint.onConnect?.(session.ws, session.ws.request);
  const hear = (message: unknown) =>
    endpoint.onMessage?.(session.ws, typeof message === "string" ? message : JSON.stringify(message));
  const hearBytes = (message: Uint8Array) => endpoint.onMessage?.(session.ws, message);
  /** What the engine does with a message of the room. */
  const tell = (message: ServerMessage | BinaryMessage, topic = "doc:a") => {
    const translated = session.translateOf(topic, message);
    if (translated !== null) session.sent.push(translated);
  };
  const push = (kind: number, payload: Uint8Array, topic?: string) =>
    tell({ alias: ALIAS, kind, payload }, topic);
  /** What the client was sent since the last look. */
  let looked = 0;
  const news = (): unknown[] => {
    const messages = session.sent.slice(looked).map((frame) => JSON.parse(String(frame)));
    looked = session.sent.length;
    return messages;
  };
  return { ...session, endpoint, hear, hearBytes, tell, push, news };
}

const refused = (code: ErrorCode) => Promise.reject(new PlexlineError(code));
const errorOf = (code: ErrorCode, room = "a") => expect.objectContaining({ type: "error", code, room });
/** What is shown by an awareness update that went to a room. */
const shownBy = ([kind, payload]: [number, Uint8Array]) => {
  expect(kind).toBe(DOC_KIND.awareness);
  return readAwareness(payload).map(({ state }) => state && JSON.parse(new TextDecoder().decode(state)));
};
const awareness = (client: number, state: unknown, clock = 1) =>
  writeAwareness([
    { client, clock, state: state === null ? null : new TextEncoder().encode(JSON.stringify(state)) },
  ]);
/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("the endpoint", () => {
  test("[CB1] takes what has no type, at its path", () => {
    const takes = (query: string) =>
      combined().match?.({ query: new URLSearchParams(query) } as unknown as UpgradeRequest);
    expect(["", "token=x", "type=yjs", "type=agent", "type=", "type=other"].map(takes)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(combined()).toMatchObject({ path: "/api/ws", tokenParameter: "token" });
    expect(combined({ path: "/live", tokenParameter: "jwt" })).toMatchObject({
      path: "/live",
      tokenParameter: "jwt",
    });
    expect(combined({ tokenParameter: null })).not.toHaveProperty("tokenParameter");
  });

  test("[CB18] asks the engine to read slowly, and for room for an update of 1 MiB as numbers", () => {
    expect(combined().overRate).toBe("wait");
    expect(combined().messageBytesMax).toBeGreaterThan(4 * 1024 * 1024);
  });

  test.each<[string, unknown, ErrorCode]>([
    ["no JSON", "{", "MALFORMED_MESSAGE"],
    ["nothing", "", "MALFORMED_MESSAGE"],
    ["an array", [], "MALFORMED_MESSAGE"],
    ["null", null, "MALFORMED_MESSAGE"],
    ["a number", 1, "MALFORMED_MESSAGE"],
    ["no type", {}, "MALFORMED_MESSAGE"],
    ["a type that is no text", { type: 1 }, "MALFORMED_MESSAGE"],
    ["a forbidden key", '{"type":"presence","cursor":{"__proto__":1}}', "MALFORMED_MESSAGE"],
    ["too much nesting", `${"[".repeat(40)}${"]".repeat(40)}`, "JSON_TOO_DEEP"],
    ["another type", { type: "agent:partial", sessionId: "s", content: "x" }, "UNKNOWN_MESSAGE"],
    ["a property of objects as type", { type: "toString" }, "UNKNOWN_MESSAGE"],
    ["an update without room", { type: "yjs:update", update: BASE64 }, "MALFORMED_MESSAGE"],
    ["a room that is no text", { type: "yjs:update", room: 1, update: BASE64 }, "MALFORMED_MESSAGE"],
    ["a room without name", { type: "yjs:sync", room: "" }, "MALFORMED_MESSAGE"],
    ["a room with a long name", { type: "yjs:sync", room: "x".repeat(256) }, "MALFORMED_MESSAGE"],
    ["no room to leave", { type: "yjs:leave" }, "MALFORMED_MESSAGE"],
    ["presence without cursor", { type: "presence", userId: "u" }, "MALFORMED_MESSAGE"],
    ["a cursor that is no object", { type: "presence", cursor: 4 }, "MALFORMED_MESSAGE"],
    ["a cursor that is a list", { type: "presence", cursor: [4] }, "MALFORMED_MESSAGE"],
  ])("[CB2] %s is refused, with a fix, and the connection goes on", async (_name, message, code) => {
    const { hear, news, closed, subscribed } = await connect();
    await hear(message);
    expect(news()).toEqual([{ type: "error", code, message: expect.any(String), fix: expect.any(String) }]);
    await hear(message);
    expect(news()).toHaveLength(1);
    expect([closed, subscribed]).toEqual([[], []]);
    await hear({ type: "yjs:sync", room: "a" });
    expect(subscribed).toEqual(["doc:a"]);
  });

  test("[CB2] a binary message is refused, and the connection goes on", async () => {
    const { hearBytes, news, closed } = await connect();
    await hearBytes(new TextEncoder().encode('{"type":"yjs:sync","room":"a"}'));
    expect(news()).toEqual([
      expect.objectContaining({ code: "MALFORMED_MESSAGE", message: "The message is binary." }),
    ]);
    expect(closed).toEqual([]);
  });

  test("[CB2] a message that is too long is told and closes with 4413, whatever the rooms allow", async () => {
    const { hear, news, closed } = await connect();
    await hear(" ".repeat(MESSAGE_BYTES_MAX + 1));
    expect(news()).toMatchObject([{ code: "MESSAGE_TOO_LARGE" }]);
    expect(closed).toEqual([[4413, expect.stringMatching(/^MESSAGE_TOO_LARGE: /)]]);
  });

  test("[CB2] an unknown type is told which there are", async () => {
    const { hear, news } = await connect();
    await hear({ type: "yjs:undo" });
    expect(news()).toMatchObject([{ fix: "Use one of yjs:update, yjs:sync, yjs:leave, presence." }]);
  });
});

describe("modules", () => {
  const agent = (listen: (ws: EndpointSession, message: { type: string }) => void | Promise<void>) => ({
    types: ["agent:partial", "agent:done"],
    address: "sessionId",
    open: (ws: EndpointSession) => (message: { type: string }) => listen(ws, message),
  });

  test("[CB3] take their own types, and those of documents stay", async () => {
    const heard: unknown[] = [];
    const modules: CombinedModule[] = [agent((ws, message) => void heard.push([ws.id, message]))];
    const { hear, subscribed, news } = await connect({ modules });
    const message = { type: "agent:partial", sessionId: "session-123", content: "Generated code..." };
    await hear(message);
    await hear({ type: "yjs:sync", room: "a" });
    expect([heard, subscribed, news()]).toEqual([[["connection", message]], ["doc:a"], []]);
  });

  test("[CB3] are opened once for each connection", async () => {
    let opened = 0;
    const module: CombinedModule = {
      types: ["a", "b"],
      address: "x",
      open: () => {
        opened += 1;
        return () => {};
      },
    };
    const endpoint = combined({ modules: [module] });
    for (let n = 0; n < 2; n += 1)
      endpoint.onConnect?.(createScriptedSession({ params: {} }).ws, {} as UpgradeRequest);
    expect(opened).toBe(2);
  });

  test("[CB3] what one throws is told with its address, and nothing of what was not meant to be told", async () => {
    const errors = [new PlexlineError("FORBIDDEN", { message: "Not yours." }), new Error("secret")];
    const throwing = agent(() => Promise.reject(errors.shift()));
    const { hear, news, ws } = await connect({ modules: [throwing] });
    const logged: unknown[] = [];
    Object.assign(ws, { log: { error: (fields: { error: Error }) => logged.push(fields.error.message) } });
    await hear({ type: "agent:partial", sessionId: "s" });
    await hear({ type: "agent:partial", sessionId: 4 });
    const told = news();
    expect(told).toMatchObject([
      { type: "error", sessionId: "s", code: "FORBIDDEN", message: "Not yours." },
      { type: "error", code: "HANDLER_FAILED" },
    ]);
    expect(told[1]).not.toHaveProperty("sessionId");
    expect(JSON.stringify(told)).not.toContain("secret");
    expect(logged).toEqual(["secret"]);
  });

  test("[CB3] two cannot take one type", () => {
    const module = agent(() => {});
    expect(() => combined({ modules: [module, module] })).toThrow(/take "agent:partial"/);
    expect(() => combined({ modules: [{ ...module, types: ["presence"] }] })).toThrow(TypeError);
  });
});

describe("rooms", () => {
  test("[CB4] are joined by the first message, once, and their topic is the application's to say", async () => {
    const { hear, subscribed } = await connect();
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    await hear({ type: "presence", room: "b", cursor: {} });
    await hear({ type: "yjs:sync", room: "c", stateVector: "AA==" });
    await hear({ type: "yjs:sync", room: "d", update: BASE64 });
    expect(subscribed).toEqual(["doc:a", "doc:b", "doc:c", "doc:d"]);
    const other = await connect({ topic: (room) => `page:${room}` });
    await other.hear({ type: "yjs:sync", room: "a" });
    expect(other.subscribed).toEqual(["page:a"]);
  });

  test("[CB4] what is sent before the room is joined waits, and keeps its order", async () => {
    let open: () => void = () => {};
    const subscribe = () =>
      new Promise<void>((resolve) => {
        open = resolve;
      });
    const { hear, forwarded, subscribed } = await connect({}, { subscribe });
    hear({ type: "yjs:sync", room: "a" });
    for (const byte of [1, 2, 3]) hear({ type: "yjs:update", room: "a", update: [byte] });
    await settled();
    expect([forwarded, subscribed]).toEqual([[], ["doc:a"]]);
    open();
    await settled();
    expect(forwarded).toEqual([
      [DOC_KIND.state, NOTHING],
      ...[1, 2, 3].map((byte) => [DOC_KIND.update, Uint8Array.of(byte)]),
    ]);
  });

  test("[CB4] a name that makes no topic is refused with the room", async () => {
    const { hear, news, subscribed } = await connect();
    for (const room of ["with space", "star*", "x".repeat(255)]) {
      await hear({ type: "yjs:sync", room });
      expect(news()).toEqual([errorOf("TOPIC_INVALID", room)]);
    }
    expect(subscribed).toEqual([]);
  });

  test("[CB5] one that is left is unsubscribed from, told nothing of, and joined anew by its next message", async () => {
    const { hear, push, subscribed, unsubscribed, translate, news } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    await hear({ type: "yjs:leave", room: "a" });
    await hear({ type: "yjs:leave", room: "a" });
    await hear({ type: "yjs:leave", room: "never joined" });
    expect(unsubscribed).toEqual(["doc:a"]);
    expect(translate({ alias: ALIAS, kind: DOC_KIND.update, payload: UPDATE })).toBeNull();
    await hear({ type: "yjs:sync", room: "a" });
    push(DOC_KIND.update, UPDATE);
    expect([subscribed, news()]).toEqual([
      ["doc:a", "doc:a"],
      [{ type: "yjs:update", room: "a", update: BASE64 }],
    ]);
  });

  test("[CB5] one that is left while it is being joined sends nothing to it", async () => {
    let open: () => void = () => {};
    const subscribe = () =>
      new Promise<void>((resolve) => {
        open = resolve;
      });
    const { hear, forwarded, unsubscribed } = await connect({}, { subscribe });
    hear({ type: "yjs:update", room: "a", update: BASE64 });
    hear({ type: "yjs:leave", room: "a" });
    open();
    await settled();
    expect([forwarded, unsubscribed]).toEqual([[], ["doc:a"]]);
  });

  test("[CB5] what is refused after one was left is not told", async () => {
    let refuse: (error: Error) => void = () => {};
    const sendBinary = () =>
      new Promise<void>((_, reject) => {
        refuse = reject;
      });
    const { hear, news } = await connect({}, { sendBinary });
    hear({ type: "yjs:update", room: "a", update: BASE64 });
    await settled();
    await hear({ type: "yjs:leave", room: "a" });
    refuse(new PlexlineError("NOT_SUBSCRIBED"));
    await settled();
    expect(news()).toEqual([]);
  });

  test.each<ErrorCode>(["FORBIDDEN", "TOPIC_UNKNOWN", "STORAGE_UNAVAILABLE", "HANDLER_TIMEOUT"])(
    "[CB6] %s at joining is told once with the room; what waited is dropped, and a later message tries again",
    async (code) => {
      const { hear, news, forwarded, subscribed, closed } = await connect(
        {},
        { subscribe: () => refused(code) },
      );
      hear({ type: "yjs:update", room: "a", update: BASE64 });
      hear({ type: "presence", room: "a", cursor: {} });
      await settled();
      expect([news(), forwarded, closed]).toEqual([[errorOf(code)], [], []]);
      await hear({ type: "yjs:sync", room: "a" });
      expect([news(), subscribed]).toEqual([[errorOf(code)], ["doc:a", "doc:a"]]);
    },
  );

  test("[CB6] more rooms than a connection may have are told in words", async () => {
    const { hear, news } = await connect({}, { subscribe: () => refused("SUBSCRIPTIONS_MAX") });
    await hear({ type: "yjs:sync", room: "a" });
    expect(news()).toMatchObject(
      [{ code: "SUBSCRIPTIONS_MAX", message: /rooms/, fix: /yjs:leave/ }].map(({ code, message, fix }) => ({
        code,
        message: expect.stringMatching(message),
        fix: expect.stringMatching(fix),
      })),
    );
  });
});

describe("bytes", () => {
  test("[CB7] are sent as base64 until the client has sent some, and then in the form of its first", async () => {
    const { hear, push, news } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    push(DOC_KIND.update, UPDATE);
    await hear({ type: "yjs:update", room: "a", update: Uint8Array.of(9) });
    push(DOC_KIND.update, UPDATE);
    await hear({ type: "yjs:update", room: "a", update: [9] });
    push(DOC_KIND.syncRequest, UPDATE);
    expect(news()).toEqual([
      { type: "yjs:update", room: "a", update: BASE64 },
      { type: "yjs:update", room: "a", update: { 0: 1, 1: 2, 2: 3 } },
      { type: "yjs:sync", room: "a", stateVector: { 0: 1, 1: 2, 2: 3 } },
    ]);
  });

  test("[CB7] what is no update joins nothing, and is refused with the room", async () => {
    const { hear, news, subscribed } = await connect();
    await hear({ type: "yjs:update", room: "a" });
    await hear({ type: "yjs:update", room: "a", update: [256] });
    await hear({ type: "yjs:sync", room: "a", update: null });
    await hear({ type: "yjs:sync", room: "a", stateVector: 4 });
    await hear({ type: "yjs:sync", room: "a", stateVector: "AA==", update: BASE64 });
    expect(news()).toEqual(Array.from({ length: 5 }, () => errorOf("MALFORMED_MESSAGE")));
    expect(subscribed).toEqual([]);
  });

  test("[CB7] more than 1 MiB are not sent as numbers: the client is told, and the room is left", async () => {
    const long = new Uint8Array(NUMBERS_BYTES_MAX + 1);
    const { hear, push, news, unsubscribed } = await connect();
    await hear({ type: "yjs:update", room: "a", update: [9] });
    push(DOC_KIND.update, long);
    push(DOC_KIND.update, UPDATE);
    await settled();
    expect([news(), unsubscribed]).toEqual([[errorOf("MESSAGE_TOO_LARGE")], ["doc:a"]]);
    const other = await connect();
    await other.hear({ type: "yjs:update", room: "a", update: BASE64 });
    other.push(DOC_KIND.update, long);
    expect(other.news()).toEqual([expect.objectContaining({ type: "yjs:update" })]);
  });

  test("[CB7] are written once for all connections that read one form", async () => {
    const endpoint = combined();
    const frames = [];
    for (const update of [[9], [8], { 0: 9 }]) {
      const session = createScriptedSession({ params: {} });
      endpoint.onConnect?.(session.ws, session.ws.request);
      await endpoint.onMessage?.(session.ws, JSON.stringify({ type: "yjs:update", room: "a", update }));
      frames.push(session.translate({ alias: ALIAS, kind: DOC_KIND.update, payload: UPDATE }));
    }
    expect(frames[0]).toBe(frames[1]);
    expect(frames[2]).toContain('"update":{"0":1');
  });
});

describe("documents", () => {
  test("[CB8] an update goes to its room, and updates of a room to the client", async () => {
    const { hear, push, news, forwarded, addressed } = await connect();
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    await hear({ type: "yjs:update", room: "b", update: [4] });
    expect(forwarded.filter(([kind]) => kind === DOC_KIND.update)).toEqual([
      [DOC_KIND.update, UPDATE],
      [DOC_KIND.update, Uint8Array.of(4)],
    ]);
    expect([...new Set(addressed)]).toEqual(["doc:a", "doc:b"]);
    // The same bytes may be told of two rooms: the empty update is.
    push(DOC_KIND.update, UPDATE, "doc:b");
    push(DOC_KIND.update, UPDATE, "doc:a");
    expect(news()).toEqual(["b", "a"].map((room) => ({ type: "yjs:update", room, update: BASE64 })));
  });

  test("[CB9] yjs:sync asks for the whole document, and is answered by it", async () => {
    const { hear, push, news, forwarded } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    expect(forwarded).toEqual([[DOC_KIND.state, NOTHING]]);
    push(DOC_KIND.state, EMPTY_UPDATE);
    expect(news()).toEqual([{ type: "yjs:sync", room: "a", update: "AAA=" }]);
    await hear({ type: "yjs:sync", room: "a" });
    push(DOC_KIND.state, UPDATE);
    expect(news()).toEqual([{ type: "yjs:sync", room: "a", update: BASE64 }]);
  });

  test("[CB10] who begins with an update is sent what was there before, as an update", async () => {
    const { hear, push, news, forwarded } = await connect({}, { head: 1 });
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    expect(forwarded.map(([kind]) => kind)).toEqual([DOC_KIND.state, DOC_KIND.update, DOC_KIND.update]);
    push(DOC_KIND.state, UPDATE);
    expect(news()).toEqual([{ type: "yjs:update", room: "a", update: BASE64 }]);
  });

  test("[CB10] if nothing was there, nothing is asked for or sent", async () => {
    const { hear, forwarded, news } = await connect();
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    expect([forwarded, news()]).toEqual([[[DOC_KIND.update, UPDATE]], []]);
  });

  test("[CB10] who has asked is not sent it again", async () => {
    for (const question of [{}, { stateVector: "AA==" }, { update: "AAA=" }]) {
      const { hear, forwarded } = await connect({}, { head: 1 });
      await hear({ type: "yjs:sync", room: "a", ...question });
      await hear({ type: "yjs:update", room: "a", update: BASE64 });
      expect(forwarded).toHaveLength(2);
      expect(forwarded[1]).toEqual([DOC_KIND.update, UPDATE]);
    }
  });

  test("[CB9] [CB10] a question that comes while the document is on its way is answered by it", async () => {
    const { hear, push, news } = await connect({}, { head: 1 });
    await hear({ type: "yjs:update", room: "a", update: BASE64 });
    await hear({ type: "yjs:sync", room: "a" });
    push(DOC_KIND.state, UPDATE);
    expect(news()).toEqual([{ type: "yjs:sync", room: "a", update: BASE64 }]);
  });

  test("[CB11] with a state vector, yjs:sync asks for what it lacks, and the room asks in the same way", async () => {
    const { hear, push, news, forwarded } = await connect();
    await hear({ type: "yjs:sync", room: "a", stateVector: "AA==" });
    expect(forwarded).toEqual([[DOC_KIND.syncRequest, Uint8Array.of(0)]]);
    push(DOC_KIND.syncRequest, Uint8Array.of(0));
    push(DOC_KIND.update, UPDATE);
    push(DOC_KIND.syncResponse, EMPTY_UPDATE);
    expect(news()).toEqual([
      { type: "yjs:sync", room: "a", stateVector: "AA==" },
      { type: "yjs:update", room: "a", update: BASE64 },
      { type: "yjs:sync", room: "a", update: "AAA=" },
    ]);
    await hear({ type: "yjs:sync", room: "a", update: BASE64 });
    expect(forwarded.at(-1)).toEqual([DOC_KIND.syncResponse, UPDATE]);
  });

  test.each<ErrorCode>(["FORBIDDEN", "UPDATE_INVALID", "CLIENT_ID_TAKEN", "MESSAGE_TOO_LARGE"])(
    "[CB12] an update refused by %s is told with its room each time, and the connection goes on",
    async (code) => {
      const sendBinary = (kind: number) => (kind === DOC_KIND.update ? refused(code) : Promise.resolve());
      const { hear, news, closed } = await connect({}, { sendBinary });
      await hear({ type: "yjs:update", room: "a", update: BASE64 });
      await hear({ type: "yjs:update", room: "a", update: BASE64 });
      expect([news(), closed]).toEqual([[errorOf(code), errorOf(code)], []]);
    },
  );

  test.each<ErrorCode>(["UPDATE_GAP", "STORAGE_UNAVAILABLE", "PRESENCE_INVALID"])(
    "[CB12] what the room says later, %s, is told with its room",
    async (code) => {
      const { hear, tell, news, closed } = await connect();
      await hear({ type: "yjs:sync", room: "a" });
      const error = new PlexlineError(code).toBody();
      tell({ type: "error", topic: "doc:a", error });
      expect([news(), closed]).toEqual([[{ type: "error", room: "a", ...error }], []]);
    },
  );

  test("[CB12] what is of no use to the client is not told: positions, parts, events", async () => {
    const { hear, tell, push, news } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    tell({ type: "committed", alias: ALIAS, offset: 1, acked: 1 });
    push(DOC_KIND.part, Uint8Array.of(1, 0, 9));
    push(DOC_KIND.event, NOTHING);
    expect(news()).toEqual([]);
  });

  test.each<[ErrorCode, ErrorCode]>([
    ["REVOKED", "FORBIDDEN"],
    ["FORBIDDEN", "FORBIDDEN"],
    ["STORAGE_UNAVAILABLE", "STORAGE_UNAVAILABLE"],
  ])("[CB13] unsubscribed by %s is told as %s; the room is over and the rest goes on", async (code, told) => {
    const { hear, tell, translate, news, closed, subscribed, unsubscribed } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    tell({ type: "unsubscribed", topic: "doc:a", error: new PlexlineError(code).toBody() });
    expect(news()).toEqual([errorOf(told)]);
    expect(translate({ alias: ALIAS, kind: DOC_KIND.update, payload: UPDATE })).toBeNull();
    await hear({ type: "yjs:sync", room: "b" });
    await hear({ type: "yjs:sync", room: "a" });
    expect([subscribed, unsubscribed, closed]).toEqual([["doc:a", "doc:b", "doc:a"], [], []]);
  });

  test.each(["reset", "trimmed"] as const)(
    "[CB13] a gap of the kind %s is told as RESYNC; the room is left and the rest goes on",
    async (reason) => {
      const { hear, tell, push, news, closed, unsubscribed } = await connect();
      await hear({ type: "yjs:sync", room: "a" });
      tell({ type: "gap", topic: "doc:a", position: { epoch: "e", offset: 1 }, reason });
      push(DOC_KIND.update, UPDATE);
      await settled();
      expect([news(), unsubscribed, closed]).toEqual([[errorOf("RESYNC")], ["doc:a"], []]);
    },
  );
});

describe("presence", () => {
  const cursor = { line: 42, col: 10 };

  test("[CB14] goes to all rooms of the connection, as the user's, whatever the client says", async () => {
    const { hear, forwarded, addressed, news } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    await hear({ type: "yjs:sync", room: "b" });
    await hear({ type: "presence", userId: "user-789", cursor });
    expect(addressed.slice(2)).toEqual(["doc:a", "doc:b"]);
    const state = { user: { id: "ada", name: "ada" }, lineCursor: cursor };
    expect(forwarded.slice(2).map(shownBy)).toEqual([[state], [state]]);
    expect(news()).toEqual([]);
  });

  test("[CB14] before any room is joined, it is for those that will be", async () => {
    const { hear, forwarded, addressed } = await connect();
    await hear({ type: "presence", userId: "user-789", cursor });
    expect(forwarded).toEqual([]);
    await hear({ type: "yjs:sync", room: "a" });
    await settled();
    expect(addressed).toEqual(["doc:a", "doc:a"]);
    expect(forwarded.filter(([kind]) => kind === DOC_KIND.awareness)).toHaveLength(1);
    await hear({ type: "presence", cursor: null });
    await hear({ type: "yjs:sync", room: "b" });
    await settled();
    expect(
      forwarded
        .filter(([kind]) => kind === DOC_KIND.awareness)
        .map(shownBy)
        .at(-1),
    ).toEqual([null]);
    expect(addressed.filter((topic) => topic === "doc:b")).toHaveLength(1);
  });

  test("[CB14] with a room it goes to that one alone, and joins it", async () => {
    const { hear, addressed, subscribed } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    await hear({ type: "presence", room: "b", userId: "x", cursor });
    expect([addressed, subscribed]).toEqual([
      ["doc:a", "doc:b"],
      ["doc:a", "doc:b"],
    ]);
  });

  test("[CB14] what was not shown is not hidden", async () => {
    const { hear, forwarded } = await connect();
    await hear({ type: "presence", room: "a", cursor: null });
    expect(forwarded).toEqual([]);
  });

  test("[CB15] each update of one connection is newer than the one before", async () => {
    const { hear, forwarded } = await connect();
    for (const room of ["a", "b", "a"]) await hear({ type: "presence", room, cursor });
    await hear({ type: "presence", cursor: null });
    const entries = forwarded.flatMap(([, payload]) => readAwareness(payload));
    expect(entries.map(({ clock }) => clock)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(entries.map(({ client }) => client)).size).toBe(1);
  });

  test("[CB16] states of others are presence with their user, cursor, room and client id", async () => {
    const { hear, push, news, policies } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    push(
      DOC_KIND.awareness,
      awareness(5, { user: { id: "bob", name: "Bob" }, cursor: { anchor: 1, head: 2 } }),
    );
    push(DOC_KIND.awareness, awareness(6, { user: { id: "cyd" }, lineCursor: cursor }));
    expect(news()).toEqual([
      { type: "presence", userId: "bob", cursor: { anchor: 1, head: 2 }, room: "a", clientId: 5 },
      { type: "presence", userId: "cyd", cursor, room: "a", clientId: 6 },
    ]);
    expect(policies).toEqual([
      { policy: "coalesce", key: "presence:5:bob" },
      { policy: "coalesce", key: "presence:6:cyd" },
    ]);
  });

  test("[CB17] when one goes, the others are told by a cursor of null", async () => {
    const { hear, push, news } = await connect();
    await hear({ type: "yjs:sync", room: "a" });
    push(DOC_KIND.awareness, awareness(5, { user: { id: "bob" }, lineCursor: cursor }));
    push(DOC_KIND.awareness, awareness(5, null, 2));
    expect(news().at(-1)).toEqual({ type: "presence", userId: "bob", cursor: null, room: "a", clientId: 5 });
  });

  test("[CB14] a role without presence is told of it once for each room", async () => {
    const sendBinary = (kind: number) =>
      kind === DOC_KIND.awareness ? refused("FORBIDDEN") : Promise.resolve();
    const { hear, news } = await connect({}, { sendBinary });
    for (const room of ["a", "a", "b"]) await hear({ type: "presence", room, cursor });
    await hear({ type: "presence", cursor });
    expect(news()).toEqual([errorOf("FORBIDDEN"), errorOf("FORBIDDEN", "b")]);
  });

  test("[CB14] another failure is told each time", async () => {
    const { hear, news } = await connect({}, { sendBinary: () => refused("HANDLER_TIMEOUT") });
    for (const room of ["a", "a"]) await hear({ type: "presence", room, cursor });
    expect(news()).toEqual([errorOf("HANDLER_TIMEOUT"), errorOf("HANDLER_TIMEOUT")]);
  });
});
