import { type BinaryMessage, type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { EndpointSession, Logger, UpgradeRequest } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { DOC_KIND, EMPTY_UPDATE } from "../../protocol.ts";
import { createScriptedSession, type ScriptedSession } from "../scripted-session.fixture.ts";
import { type DraftOptions, draft } from "./endpoint.ts";

const ALIAS = 7;
const TOPIC = "doc:plan";
const bytes = (...values: number[]) => Uint8Array.from(values);
const update = (...data: number[]) => JSON.stringify({ type: "yjs-update", data });
const state = (...data: number[]) => JSON.stringify({ type: "yjs-state-response", data });

type Line = Readonly<Record<string, unknown>>;

function recordLog(lines: Line[]): Logger {
  const write = (level: string) => (fields: Line) => void lines.push({ level, ...fields });
  const log: Logger = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: () => log,
  };
  return log;
}

/** Connects a scripted session to the endpoint, as the engine would. */
async function connect(
  { query = "draftId=plan", ...options }: DraftOptions & { query?: string } = {},
  script: Partial<ScriptedSession["script"]> = {},
  endpoint = draft(options),
) {
  const request = { params: {}, query: new URLSearchParams(query) } as unknown as UpgradeRequest;
  const session = createScriptedSession(request, script);
  const lines: Line[] = [];
  const ws: EndpointSession = Object.assign(session.ws, { log: recordLog(lines) });
  await endpoint.onConnect?.(ws, request);
  const hear = (message: string | Uint8Array) => endpoint.onMessage?.(ws, message);
  /** What the engine does with a message of the room. */
  const tell = (message: ServerMessage | BinaryMessage) => {
    const translated = session.translate(message);
    if (translated !== null) session.sent.push(translated);
  };
  const push = (kind: number, payload: Uint8Array) => tell({ alias: ALIAS, kind, payload });
  const refuse = (code: ErrorCode) =>
    tell({ type: "error", topic: TOPIC, error: new PlexlineError(code).toBody() });
  const close = () => endpoint.onClose?.(ws, 1000, "");
  const errors = () =>
    session.sent
      .map((text) => JSON.parse(text as string) as { type: string; error?: string })
      .filter(({ type }) => type === "error")
      .map(({ error }) => error);
  return { ...session, endpoint, request, lines, hear, tell, push, refuse, close, errors };
}

/** The same, with the state that it is sent first. */
async function join(...args: Parameters<typeof connect>) {
  const joined = await connect(...args);
  joined.push(DOC_KIND.state, bytes(0, 0));
  await settled();
  joined.sent.length = 0;
  joined.forwarded.length = 0;
  return joined;
}

/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("connecting", () => {
  test("[DR1] the topic is that of the draft's id, or the application's to say", async () => {
    expect((await connect()).subscribed).toEqual(["doc:plan"]);
    const topic = (id: string) => `page:${id.toUpperCase()}`;
    expect((await connect({ topic })).subscribed).toEqual(["page:PLAN"]);
  });

  test("[DR1] path, token parameter and size are those of the options", () => {
    expect(draft()).toMatchObject({
      path: "/ws",
      tokenParameter: "token",
      messageBytesMax: 4 * 2 ** 20 + 256,
    });
    const changed = { path: "/drafts", tokenParameter: "jwt", messageBytesMax: 9 } as const;
    expect(draft(changed)).toMatchObject(changed);
    expect(draft({ tokenParameter: null })).not.toHaveProperty("tokenParameter");
  });

  test.each(["", "draftId=", "draft=plan"])("[DR2] ?%s names no draft: close 1008", async (query) => {
    const { closed, subscribed, lines } = await connect({ query });
    expect([closed, subscribed]).toEqual([[[1008, "Missing draftId"]], []]);
    expect(lines).toEqual([
      expect.objectContaining({ level: "error", action: "ws.error", error: "Missing draftId" }),
    ]);
  });

  test.each(["with space", "star*", "x".repeat(300)])(
    "[DR2] an id that makes no topic: close 1008",
    async (id) => {
      const { closed, subscribed } = await connect({ query: `draftId=${id}` });
      expect([closed, subscribed]).toEqual([[[1008, "Invalid draftId"]], []]);
    },
  );

  test.each<[ErrorCode, number, string | RegExp]>([
    ["TOKEN_MISSING", 1008, "Missing token"],
    ["TOKEN_INVALID", 1008, "Invalid token"],
    ["TOKEN_EXPIRED", 1008, "Token expired"],
    ["FORBIDDEN", 1008, "Access denied"],
    ["REVOKED", 1008, "Access denied"],
    ["TOPIC_UNKNOWN", 1008, /^TOPIC_UNKNOWN: /],
    ["MESSAGE_TOO_LARGE", 4413, /^MESSAGE_TOO_LARGE: /],
    ["HANDLER_TIMEOUT", 1011, /^HANDLER_TIMEOUT: /],
    ["SHUTTING_DOWN", 1012, /^SHUTTING_DOWN: /],
    ["OVERLOADED", 1013, /^OVERLOADED: /],
    ["STORAGE_UNAVAILABLE", 1013, /^STORAGE_UNAVAILABLE: /],
    ["CONNECTIONS_MAX", 1013, /^CONNECTIONS_MAX: /],
    ["SLOW_CONSUMER", 1013, /^SLOW_CONSUMER: /],
    ["HEARTBEAT_TIMEOUT", 1013, /^HEARTBEAT_TIMEOUT: /],
  ])("[DR2] %s closes with %i, by the engine and by the draft alike", async (code, close, reason) => {
    const expected = {
      code: close,
      reason: typeof reason === "string" ? reason : expect.stringMatching(reason),
    };
    expect(draft().closeFor?.(new PlexlineError(code))).toEqual(expected);
    const { closed, hear, forwarded } = await connect(
      {},
      { subscribe: () => Promise.reject(new PlexlineError(code)) },
    );
    expect(closed).toEqual([[close, expected.reason]]);
    hear(update(0, 0));
    expect([forwarded, closed.length]).toEqual([[], 1]);
  });

  test("[DR2] a failure that is no error of ours closes with 1011 and does not tell its text", async () => {
    const { closed } = await connect({}, { subscribe: () => Promise.reject(new Error("secret")) });
    expect(closed).toEqual([[1011, expect.not.stringContaining("secret")]]);
  });
});

describe("the state", () => {
  test("[DR3] is asked for as soon as the draft is open", async () => {
    expect((await connect()).forwarded).toEqual([[DOC_KIND.state, bytes()]]);
  });

  test("[DR3] comes first: updates before it wait, and follow in their order", async () => {
    const { push, sent } = await connect();
    push(DOC_KIND.update, bytes(1));
    push(DOC_KIND.update, bytes(2));
    expect(sent).toEqual([]);
    push(DOC_KIND.state, bytes(0, 0));
    push(DOC_KIND.update, bytes(3));
    await settled();
    push(DOC_KIND.update, bytes(4));
    expect(sent).toEqual([state(0, 0), update(1), update(2), update(3), update(4)]);
  });

  test("[DR3] what is handed over while updates are let go comes after them", async () => {
    const { ws, push, sent } = await connect();
    const send = ws.send;
    let isFirst = true;
    // The engine hands over what it has gathered before it sends anything else.
    Object.assign(ws, {
      send: (message: string) => {
        if (isFirst) push(DOC_KIND.update, bytes(3));
        isFirst = false;
        send(message);
      },
    });
    push(DOC_KIND.update, bytes(1));
    push(DOC_KIND.update, bytes(2));
    push(DOC_KIND.state, bytes(0, 0));
    await settled();
    expect(sent).toEqual([state(0, 0), update(1), update(2), update(3)]);
  });

  test("[DR3] updates of 256 KiB do not wait any longer, and none is lost", async () => {
    const { push, sent } = await connect();
    const long = new Uint8Array(100_000).fill(100);
    for (let n = 0; n < 3; n += 1) {
      push(DOC_KIND.update, long);
      push(DOC_KIND.update, bytes(n));
      await settled();
    }
    push(DOC_KIND.state, bytes(0, 0));
    await settled();
    const shorts = sent.filter((text) => text.length < 100);
    expect(shorts).toEqual([update(0), update(1), update(2), state(0, 0)]);
    expect(sent).toHaveLength(7);
  });

  test("[DR6] is asked for again by yjs-state-request, and nothing waits for that", async () => {
    const { hear, push, forwarded, sent } = await join();
    await hear('{"type":"yjs-state-request"}');
    expect(forwarded).toEqual([[DOC_KIND.state, bytes()]]);
    push(DOC_KIND.update, bytes(1));
    push(DOC_KIND.state, bytes(0, 0));
    expect(sent).toEqual([update(1), state(0, 0)]);
  });

  test("[DR3] messages before it are taken", async () => {
    const { hear, forwarded } = await connect();
    await hear(update(1));
    expect(forwarded.at(-1)).toEqual([DOC_KIND.update, bytes(1)]);
  });

  test.each<[ErrorCode, number]>([
    ["STORAGE_UNAVAILABLE", 1013],
    ["HANDLER_TIMEOUT", 1011],
  ])(
    "[DR12] %s before it, in answer or later, closes with %i: without it a client can do nothing",
    async (code, close) => {
      const refused = await connect({}, { sendBinary: () => Promise.reject(new PlexlineError(code)) });
      await settled();
      expect(refused.closed).toEqual([[close, expect.stringMatching(new RegExp(`^${code}: `))]]);
      const later = await connect();
      later.refuse(code);
      await settled();
      expect(later.closed).toEqual([[close, expect.stringMatching(new RegExp(`^${code}: `))]]);
    },
  );

  test("[DR16] is sent again when a part of the history is gone", async () => {
    const { tell, push, forwarded, sent, closed } = await join();
    tell({ type: "gap", topic: TOPIC, position: { epoch: "e", offset: 9 }, reason: "trimmed" });
    await settled();
    expect(forwarded).toEqual([[DOC_KIND.state, bytes()]]);
    push(DOC_KIND.update, bytes(1));
    push(DOC_KIND.state, bytes(0, 0));
    await settled();
    expect([sent, closed]).toEqual([[state(0, 0), update(1)], []]);
  });
});

describe("messages of the client", () => {
  test("[DR4] updates go to the room as numbers, base64 and bytes", async () => {
    const { hear, forwarded, sent } = await join();
    await hear(update(1, 2));
    await hear('{"type":"yjs-update","data":"AwQ="}');
    await hear(bytes(5, 6));
    expect(forwarded).toEqual([bytes(1, 2), bytes(3, 4), bytes(5, 6)].map((one) => [DOC_KIND.update, one]));
    expect(sent).toEqual([]);
  });

  test("[DR7] yjs-state-response is taken for what the server lacks", async () => {
    const { hear, forwarded } = await join();
    await hear(state(1, 2));
    expect(forwarded).toEqual([[DOC_KIND.syncResponse, bytes(1, 2)]]);
  });

  test("[DR8] ping is answered by pong, and pong by nothing", async () => {
    const { hear, sent, forwarded } = await join();
    hear('{"type":"ping"}');
    hear('{"type":"pong"}');
    expect([sent, forwarded]).toEqual([['{"type":"pong"}'], []]);
  });

  test("[DR9] what cannot be read is told and logged as an error, and the connection stays", async () => {
    const { hear, errors, lines, closed, forwarded } = await join();
    hear("{ secret");
    hear('{"type":"yjs-update","data":[1,999]}');
    expect(errors()).toEqual([
      expect.stringMatching(/^MALFORMED_MESSAGE: /),
      expect.stringMatching(/^MALFORMED_MESSAGE: .*data\[1\]/),
    ]);
    expect(lines.map(({ level, action, context }) => [level, action, context])).toEqual([
      ["error", "ws.error", "message"],
      ["error", "ws.error", "message"],
    ]);
    expect(JSON.stringify([errors(), lines])).not.toContain("secret");
    await hear(update(1));
    expect([closed, forwarded.length]).toEqual([[], 1]);
  });

  test("[DR9] a type that is not known is told and logged as a warning", async () => {
    const { hear, errors, lines, closed } = await join();
    hear('{"type":"cursor"}');
    hear(JSON.stringify({ type: "x".repeat(1_000) }));
    expect(errors()).toEqual([
      'UNKNOWN_MESSAGE: Unknown message type "cursor".',
      expect.stringMatching(/^.{0,120}$/),
    ]);
    expect(lines[0]).toEqual({ level: "warn", action: "ws.unknown", type: "cursor", draftId: "plan" });
    expect(closed).toEqual([]);
  });

  test.each<[ErrorCode, string | RegExp]>([
    ["FORBIDDEN", /read-only/],
    ["UPDATE_INVALID", /not valid/],
    ["CLIENT_ID_TAKEN", /new Y\.Doc/],
    ["MESSAGE_TOO_LARGE", /larger/],
    ["UPDATE_GAP", /yjs-state-response/],
    ["STORAGE_UNAVAILABLE", /yjs-state-response/],
    ["OVERLOADED", /busy/],
  ])(
    "[DR10] [DR11] [DR12] %s is told each time, in answer or later, and the connection stays",
    async (code, words) => {
      let isRefusing = false;
      const sendBinary = () => (isRefusing ? Promise.reject(new PlexlineError(code)) : Promise.resolve());
      const { hear, refuse, errors, closed, lines } = await join({}, { sendBinary });
      isRefusing = true;
      await hear(update(1));
      await hear(update(2));
      refuse(code);
      await settled();
      expect(errors()).toHaveLength(3);
      for (const error of errors()) {
        expect(error).toMatch(new RegExp(`^${code}: `));
        expect(error).toMatch(words);
      }
      // The room has logged why.
      expect([closed, lines]).toEqual([[], []]);
    },
  );

  test("[DR11] the room's question is answered with nothing, and not told", async () => {
    const { push, sent, forwarded } = await join();
    push(DOC_KIND.syncRequest, bytes(0));
    await settled();
    expect([sent, forwarded]).toEqual([[], [[DOC_KIND.syncResponse, EMPTY_UPDATE]]]);
  });

  test("[DR11] that the answer was refused is not worth an error", async () => {
    let isRefusing = false;
    const sendBinary = () =>
      isRefusing ? Promise.reject(new PlexlineError("FORBIDDEN")) : Promise.resolve();
    const { push, sent, closed } = await join({}, { sendBinary });
    isRefusing = true;
    push(DOC_KIND.syncRequest, bytes(0));
    await settled();
    expect([sent, closed]).toEqual([[], []]);
  });

  test("[DR13] a message beyond the size closes with 4413 before it is read", async () => {
    const { hear, closed, forwarded } = await join({ messageBytesMax: 100 });
    await hear(`${update(1)}${" ".repeat(100)}`);
    expect([closed, forwarded]).toEqual([[[4413, expect.stringMatching(/^MESSAGE_TOO_LARGE: /)]], []]);
  });

  test("[DR13] a document beyond the size that is sent as a whole closes with 4413", async () => {
    const { push, sent, closed } = await connect({ stateBytesMax: 3 });
    push(DOC_KIND.update, bytes(1, 2, 3, 4));
    push(DOC_KIND.state, bytes(1, 2, 3, 4));
    await settled();
    expect([sent, closed]).toEqual([[], [[4413, expect.stringMatching(/^MESSAGE_TOO_LARGE: The document/)]]]);
    const small = await connect({ stateBytesMax: 3 });
    small.push(DOC_KIND.state, bytes(1, 2, 3));
    expect([small.sent, small.closed]).toEqual([[state(1, 2, 3)], []]);
  });

  test("[DR14] the engine is asked to read slowly what comes too fast", () => {
    expect(draft()).toMatchObject({ overRate: "wait" });
  });
});

describe("the end", () => {
  test.each<[ErrorCode, string]>([
    ["REVOKED", "Access denied"],
    ["TOKEN_EXPIRED", "Token expired"],
  ])("[DR15] unsubscribed by %s closes with 1008, and nothing follows", async (code, reason) => {
    const { tell, push, hear, sent, closed, forwarded } = await join();
    tell({ type: "unsubscribed", topic: TOPIC, error: new PlexlineError(code).toBody() });
    await settled();
    push(DOC_KIND.update, bytes(0, 0));
    hear(update(1));
    expect([sent, closed, forwarded]).toEqual([[], [[1008, reason]], []]);
  });

  test("[DR15] an update that is refused because the token has ended closes", async () => {
    let isOver = false;
    const sendBinary = () =>
      isOver ? Promise.reject(new PlexlineError("TOKEN_EXPIRED")) : Promise.resolve();
    const { hear, closed } = await join({}, { sendBinary });
    isOver = true;
    await hear(update(1));
    expect(closed).toEqual([[1008, "Token expired"]]);
  });

  test("[DR16] a document that was replaced is told as an error, then closes with 1008", async () => {
    const { tell, errors, closed } = await join();
    tell({ type: "gap", topic: TOPIC, position: { epoch: "f", offset: 1 }, reason: "reset" });
    await settled();
    expect(errors()).toEqual([expect.stringMatching(/^RESYNC: .*copy/)]);
    expect(closed).toEqual([[1008, "Document replaced"]]);
  });

  test("what was asked of the room is not heard of after the connection has closed", async () => {
    const { close, push, refuse, sent, closed } = await connect();
    push(DOC_KIND.update, bytes(1));
    push(DOC_KIND.state, bytes(0, 0));
    sent.length = 0;
    close();
    refuse("UPDATE_GAP");
    await settled();
    expect([sent, closed]).toEqual([[], []]);
  });

  test("a message of a session that was never connected is not heard", () => {
    const { ws, closed } = createScriptedSession({ params: {} });
    draft().onMessage?.(ws, "{");
    expect(closed).toEqual([]);
  });
});

describe("what operators see", () => {
  test("[DR18] an update is one line, with who sent it and how many are there", async () => {
    const endpoint = draft();
    const { hear, lines } = await join({}, {}, endpoint);
    await join({}, {}, endpoint);
    await join({ query: "draftId=other" }, {}, endpoint);
    await hear(update(1, 2, 3));
    expect(lines).toEqual([
      {
        level: "debug",
        action: "yjs.update",
        draftId: "plan",
        fromUserId: "ada",
        clientCount: 2,
        updateSize: 3,
      },
    ]);
  });

  test("[DR18] the line of a connect has firm and draft", async () => {
    const { endpoint, request, ws } = await connect();
    expect(endpoint.logFields?.(request, ws.principal)).toEqual({ firmId: "default", draftId: "plan" });
  });

  test("[DR19] connections and rooms are counted, and empty rooms are gone", async () => {
    const endpoint = draft();
    const counts = () => [endpoint.getConnectionsCount(), endpoint.getRoomsCount()];
    expect(counts()).toEqual([0, 0]);
    const one = await connect({}, {}, endpoint);
    const two = await connect({}, {}, endpoint);
    const other = await connect({ query: "draftId=other" }, {}, endpoint);
    await connect({ query: "" }, {}, endpoint);
    const refusal = { subscribe: () => Promise.reject(new PlexlineError("FORBIDDEN")) };
    const refused = await connect({}, refusal, endpoint);
    expect(counts()).toEqual([3, 2]);
    refused.close();
    one.close();
    one.close();
    expect(counts()).toEqual([2, 2]);
    two.close();
    expect(counts()).toEqual([1, 1]);
    other.close();
    expect(counts()).toEqual([0, 0]);
  });

  test("[DR19] who left while the draft was being opened is not counted", async () => {
    const endpoint = draft();
    let resolve = () => {};
    const opened = new Promise<void>((done) => {
      resolve = done;
    });
    const request = { params: {}, query: new URLSearchParams("draftId=plan") } as unknown as UpgradeRequest;
    const { ws, forwarded } = createScriptedSession(request, { subscribe: () => opened });
    const connecting = endpoint.onConnect?.(ws, request);
    endpoint.onClose?.(ws, 1000, "");
    resolve();
    await connecting;
    expect([endpoint.getConnectionsCount(), endpoint.getRoomsCount(), forwarded]).toEqual([0, 0, []]);
  });
});
