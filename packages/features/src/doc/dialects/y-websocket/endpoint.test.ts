import { closeReason, type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession, UpgradeRequest } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { createScriptedSession, type ScriptedSession } from "../scripted-session.fixture.ts";
import { type YWebsocketOptions, yWebsocket } from "./endpoint.ts";

const ALIAS = 7;
const bytes = (...values: number[]) => Uint8Array.from(values);
const denied = (text: string) => bytes(2, 0, text.length, ...new TextEncoder().encode(text));
const READ_ONLY = "This document is read-only for you: your changes are not saved.";

/** Connects a scripted session to the endpoint, as the engine would. */
async function connect(options: YWebsocketOptions = {}, script: Partial<ScriptedSession["script"]> = {}) {
  const endpoint = yWebsocket(options);
  const session = createScriptedSession({ params: { "*": "team/plan-1" } }, script);
  await endpoint.onConnect?.(session.ws, session.ws.request);
  const hear = (message: string | Uint8Array) => endpoint.onMessage?.(session.ws, message);
  /** What the engine does with a message of the room. */
  const tell = (message: ServerMessage | { alias: number; kind: number; payload: Uint8Array }) => {
    const translated = session.translate(message);
    if (translated !== null) session.sent.push(translated);
  };
  const push = (kind: number, payload: Uint8Array) => tell({ alias: ALIAS, kind, payload });
  const committed = (acked?: number) =>
    tell({ type: "committed", alias: ALIAS, offset: 1, ...(acked === undefined ? {} : { acked }) });
  return { ...session, endpoint, hear, tell, push, committed };
}

/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("joining", () => {
  test("[YW1] the name is all that follows the path, and its topic is the application's to say", async () => {
    expect((await connect()).subscribed).toEqual(["doc:team/plan-1"]);
    const topic = (name: string) => `page:${name.toUpperCase()}`;
    expect((await connect({ topic })).subscribed).toEqual(["page:TEAM/PLAN-1"]);
  });

  test("[YW1] path and token parameter are those of the options", () => {
    expect(yWebsocket()).toMatchObject({ path: "/yjs/*", tokenParameter: "token" });
    expect(yWebsocket({ path: "/collab/*", tokenParameter: "jwt" })).toMatchObject({
      path: "/collab/*",
      tokenParameter: "jwt",
    });
    expect(yWebsocket({ tokenParameter: null })).not.toHaveProperty("tokenParameter");
    expect(() => yWebsocket({ path: "/yjs/:name" })).toThrow(/must end in/);
  });

  test.each<[ErrorCode, number]>([
    ["TOPIC_INVALID", 4400],
    ["TOPIC_UNKNOWN", 4400],
    ["TOKEN_EXPIRED", 4401],
    ["FORBIDDEN", 4403],
    ["REVOKED", 4403],
    ["STORAGE_UNAVAILABLE", 1013],
    ["OVERLOADED", 1013],
    ["HANDLER_TIMEOUT", 1011],
    ["SHUTTING_DOWN", 1012],
    ["RATE_LIMITED", 4529],
  ])(
    "[YW7] %s closes with %i and the reason, and what comes afterwards is not heard",
    async (code, close) => {
      const error = new PlexlineError(code);
      const { closed, hear, forwarded } = await connect({}, { subscribe: () => Promise.reject(error) });
      expect(closed).toEqual([[close, closeReason(code, error.message)]]);
      hear(bytes(0, 2, 2, 0, 0));
      hear(bytes(99));
      expect([forwarded, closed.length]).toEqual([[], 1]);
    },
  );

  test("[YW7] a failure that is no error of ours closes with 1011 and does not tell its text", async () => {
    const { closed } = await connect({}, { subscribe: () => Promise.reject(new Error("secret")) });
    expect(closed).toEqual([[1011, expect.not.stringContaining("secret")]]);
  });

  test("[YW1] [YW7] a name that makes no topic is not asked for", async () => {
    for (const name of ["with space", "star*", "x".repeat(300), ""]) {
      const { subscribed, closed } = await connect({ topic: () => name });
      expect([subscribed, closed]).toEqual([[], [[4400, expect.stringMatching(/^TOPIC_INVALID: /)]]]);
    }
  });
});

describe("translating", () => {
  test("[YW2] what the client says goes to the room by its kind", async () => {
    const { hear, forwarded } = await connect();
    await hear(bytes(0, 0, 1, 0));
    await hear(bytes(0, 1, 2, 0, 0));
    await hear(bytes(0, 2, 3, 1, 2, 3));
    await hear(bytes(1, 1, 0));
    expect(forwarded).toEqual([
      [DOC_KIND.syncRequest, bytes(0)],
      [DOC_KIND.syncResponse, bytes(0, 0)],
      [DOC_KIND.update, bytes(1, 2, 3)],
      [DOC_KIND.awareness, bytes(0)],
    ]);
  });

  test("[YW2] what the room says goes to the client by its kind, and parts do not", async () => {
    const { push, sent } = await connect();
    push(DOC_KIND.syncRequest, bytes(0));
    push(DOC_KIND.update, bytes(1, 2, 3));
    push(DOC_KIND.syncResponse, EMPTY_UPDATE);
    push(DOC_KIND.awareness, bytes(0));
    push(DOC_KIND.part, bytes(1, 0, 9));
    expect(sent).toEqual([bytes(0, 0, 1, 0), bytes(0, 2, 3, 1, 2, 3), bytes(0, 1, 2, 0, 0), bytes(1, 1, 0)]);
  });

  test("[YW2] one frame serves all connections that are told the same", async () => {
    const endpoint = yWebsocket();
    const payload = new Uint8Array(1_000);
    const frames = [];
    for (const name of ["a", "b"]) {
      const session = createScriptedSession({ params: { "*": name } });
      await endpoint.onConnect?.(session.ws, session.ws.request);
      frames.push(session.translate({ alias: ALIAS, kind: DOC_KIND.update, payload }));
    }
    expect(frames[0]).toBe(frames[1]);
  });

  test("[YW4] [YW5] query awareness is answered, what is unknown is ignored", async () => {
    const { hear, sent, forwarded, closed } = await connect();
    hear(bytes(3));
    for (const unknown of [bytes(2, 0, 0), bytes(102, 1), bytes(0, 9, 0), bytes(0x80, 0x01)]) hear(unknown);
    expect([sent, forwarded, closed]).toEqual([[bytes(1, 1, 0)], [], []]);
  });

  test.each<[string, string | Uint8Array]>([
    ["text", "hello"],
    ["nothing", bytes()],
    ["a length without its bytes", bytes(0, 2, 5, 1)],
    ["bytes after the frame", bytes(0, 2, 2, 0, 0, 0)],
    ["a number that does not end", bytes(0x80, 0x80)],
  ])("[YW6] %s closes with 4400", async (_name, message) => {
    const { hear, closed, forwarded } = await connect();
    hear(message);
    hear(bytes(0, 2, 2, 0, 0));
    expect([closed, forwarded]).toEqual([[[4400, expect.stringMatching(/^MALFORMED_MESSAGE: /)]], []]);
  });
});

describe("readers", () => {
  test("[YW8] are told once, and their cursors go to the room", async () => {
    const sendBinary = (kind: number) =>
      kind === DOC_KIND.awareness ? Promise.resolve() : Promise.reject(new PlexlineError("FORBIDDEN"));
    const { hear, sent, forwarded, closed } = await connect({}, { operations: ["subscribe"], sendBinary });
    await hear(bytes(0, 2, 2, 0, 0));
    await hear(bytes(0, 1, 2, 0, 0));
    await hear(bytes(1, 1, 0));
    expect(sent).toEqual([denied(READ_ONLY)]);
    expect(forwarded.at(-1)).toEqual([DOC_KIND.awareness, bytes(0)]);
    expect(closed).toEqual([]);
  });

  test("[YW8] a writer who becomes one is told with the first update that is refused", async () => {
    let isReader = false;
    const sendBinary = () => (isReader ? Promise.reject(new PlexlineError("FORBIDDEN")) : Promise.resolve());
    const { hear, sent, committed } = await connect({}, { sendBinary });
    await hear(bytes(0, 2, 1, 1));
    isReader = true;
    await hear(bytes(0, 2, 1, 2));
    await hear(bytes(0, 2, 1, 3));
    isReader = false;
    await hear(bytes(0, 2, 1, 4));
    committed(4);
    await settled();
    expect(sent).toEqual([denied(READ_ONLY)]);
  });

  test("[YW8] a writer without the right to be present is not warned of it", async () => {
    const { hear, sent } = await connect(
      {},
      { sendBinary: () => Promise.reject(new PlexlineError("FORBIDDEN")) },
    );
    await hear(bytes(1, 1, 0));
    expect(sent).toEqual([]);
  });
});

describe("the echo", () => {
  test("[YW9] comes once the update is durable, for updates and answers to SyncStep1", async () => {
    const { hear, sent, committed } = await connect();
    await hear(bytes(0, 2, 1, 1));
    await hear(bytes(1, 1, 0));
    await hear(bytes(0, 1, 1, 2));
    committed();
    await settled();
    expect(sent).toEqual([]);
    committed(1);
    await settled();
    expect(sent).toEqual([bytes(0, 2, 1, 1)]);
    committed(2);
    committed(2);
    await settled();
    expect(sent).toEqual([bytes(0, 2, 1, 1), bytes(0, 2, 1, 2)]);
  });

  test("[YW9] of an update that is acknowledged before the room has answered waits for the answer", async () => {
    const answers: ((error?: Error) => void)[] = [];
    const sendBinary = () =>
      new Promise<void>((resolve, reject) => answers.push((error) => (error ? reject(error) : resolve())));
    const { hear, sent, committed } = await connect({}, { sendBinary });
    hear(bytes(0, 2, 1, 1));
    hear(bytes(0, 2, 1, 2));
    committed(2);
    await settled();
    expect(sent).toEqual([]);
    answers[0]?.(new PlexlineError("UPDATE_GAP"));
    answers[1]?.();
    await settled();
    expect(sent).toEqual([bytes(0, 2, 1, 2)]);
  });

  test("[YW9] [YW12] does not come for what a failed commit lost, and does for what is sent again", async () => {
    const { hear, sent, committed, tell } = await connect();
    await hear(bytes(0, 2, 1, 1));
    const error = new PlexlineError("STORAGE_UNAVAILABLE").toBody();
    tell({ type: "error", topic: "doc:team/plan-1", error });
    committed(1);
    await settled();
    expect(sent).toEqual([]);
    await hear(bytes(0, 1, 1, 1));
    committed(2);
    await settled();
    expect(sent).toEqual([bytes(0, 2, 1, 1)]);
  });

  test("[YW10] is bounded, and may be dropped before the connection is", async () => {
    const { hear, sent, committed, policies, closed } = await connect({ echoBytesMax: 200 });
    for (let value = 1; value <= 5; value += 1) await hear(bytes(0, 2, 1, value));
    committed(5);
    await settled();
    expect(sent).toEqual([bytes(0, 2, 1, 4), bytes(0, 2, 1, 5)]);
    expect(policies).toEqual([{ policy: "drop-oldest" }, { policy: "drop-oldest" }]);
    expect(closed).toEqual([]);
  });

  test("[YW10] can be turned off", async () => {
    const { hear, sent, committed } = await connect({ echo: false });
    await hear(bytes(0, 2, 1, 1));
    committed(1);
    await settled();
    expect(sent).toEqual([]);
  });
});

describe("what goes wrong later", () => {
  test("[YW11] a refused update is told once for each code, and the connection goes on", async () => {
    const codes: ErrorCode[] = ["UPDATE_INVALID", "UPDATE_INVALID", "CLIENT_ID_TAKEN", "CLIENT_IDS_MAX"];
    const sendBinary = () => {
      const code = codes.shift();
      return code === undefined
        ? Promise.resolve()
        : Promise.reject(new PlexlineError(code, { message: code }));
    };
    const { hear, sent, closed, committed } = await connect({}, { sendBinary });
    for (let value = 1; value <= 5; value += 1) await hear(bytes(0, 2, 1, value));
    expect(sent).toEqual(["UPDATE_INVALID", "CLIENT_ID_TAKEN", "CLIENT_IDS_MAX"].map(denied));
    committed(5);
    await settled();
    expect(sent.at(-1)).toEqual(bytes(0, 2, 1, 5));
    expect(closed).toEqual([]);
  });

  test("[YW12] what of an answer to SyncStep1 only others may send is not worth a warning", async () => {
    const error = new PlexlineError("CLIENT_ID_TAKEN");
    const { hear, tell, sent, closed } = await connect({}, { sendBinary: () => Promise.reject(error) });
    await hear(bytes(0, 1, 1, 1));
    tell({ type: "error", topic: "doc:team/plan-1", error: error.toBody() });
    await settled();
    expect([sent, closed]).toEqual([[], []]);
    await hear(bytes(0, 2, 1, 1));
    expect(sent).toEqual([denied(error.message)]);
  });

  test.each<[ErrorCode, number | null]>([
    ["MESSAGE_TOO_LARGE", 4413],
    ["UPDATE_GAP", null],
    ["STORAGE_UNAVAILABLE", null],
    ["NOT_SUBSCRIBED", null],
    ["HANDLER_TIMEOUT", 1011],
    ["REQUESTS_MAX", 1013],
    ["TOKEN_EXPIRED", 4401],
  ])("[YW11] [YW12] [YW13] %s, in answer or later: close %s", async (code, close) => {
    const expected = close === null ? [] : [[close, expect.stringMatching(new RegExp(`^${code}: `))]];
    const error = new PlexlineError(code);
    const refused = await connect({}, { sendBinary: () => Promise.reject(error) });
    await refused.hear(bytes(0, 2, 1, 1));
    expect([refused.sent, refused.closed]).toEqual([[], expected]);
    const later = await connect();
    later.tell({ type: "error", topic: "doc:team/plan-1", error: error.toBody() });
    await settled();
    expect([later.sent, later.closed]).toEqual([[], expected]);
  });

  test.each<[ErrorCode, number]>([
    ["REVOKED", 4403],
    ["TOKEN_EXPIRED", 4401],
    ["STORAGE_UNAVAILABLE", 1013],
  ])("[YW16] unsubscribed by %s closes with %i, and nothing follows", async (code, close) => {
    const { tell, push, sent, closed } = await connect();
    tell({ type: "unsubscribed", topic: "doc:team/plan-1", error: new PlexlineError(code).toBody() });
    await settled();
    push(DOC_KIND.update, bytes(0, 0));
    expect([sent, closed]).toEqual([[], [[close, expect.stringMatching(new RegExp(`^${code}: `))]]]);
  });

  test.each<["trimmed" | "reset", number]>([
    ["reset", 4409],
    ["trimmed", 4510],
  ])("[YW16] a gap of the kind %s closes with %i", async (reason, close) => {
    const { tell, closed } = await connect();
    tell({ type: "gap", topic: "doc:team/plan-1", position: { epoch: "e", offset: 1 }, reason });
    await settled();
    expect(closed).toEqual([[close, expect.any(String)]]);
  });

  test("[YW14] [YW15] the engine is asked to keep the connection alive and to read slowly", () => {
    expect(yWebsocket()).toMatchObject({
      keepAlive: { afterMs: 15_000, message: bytes(1, 1, 0) },
      overRate: "wait",
    });
  });

  test("a message of a session that was never connected is not heard", () => {
    const endpoint = yWebsocket();
    const { ws, closed } = createScriptedSession({ params: {} as UpgradeRequest["params"] });
    endpoint.onMessage?.(ws as EndpointSession, bytes(3));
    expect(closed).toEqual([]);
  });
});
