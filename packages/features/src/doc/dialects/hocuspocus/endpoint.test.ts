import { type ErrorCode, PlexlineError, type ServerMessage } from "@plexline/protocol";
import type { UpgradeRequest } from "@plexline/server";
import { describe, expect, test } from "vitest";
import { encodeDocEvent } from "../../event.ts";
import { DOC_KIND } from "../../protocol.ts";
import { createScriptedSession, type ScriptedSession } from "../scripted-session.fixture.ts";
import { type HocuspocusOptions, hocuspocus } from "./endpoint.ts";
import {
  authenticatedOf,
  authOf,
  EMPTY,
  EMPTY_VECTOR,
  statelessOf,
  statusOf,
  step1Of,
  step2Of,
  updateOf,
} from "./frame.fixture.ts";

const ALIAS = 7;
const TOPIC = "doc:plan";
const bytes = (...values: number[]) => Uint8Array.from(values);
/** Lets all promises settle. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A scripted session with addresses that are in; a room that asks whoever subscribes. */
async function connect(
  addresses: readonly string[] = ["plan"],
  script: Partial<ScriptedSession["script"]> = {},
  options: HocuspocusOptions = {},
) {
  const endpoint = hocuspocus(options);
  let session: ScriptedSession | undefined;
  let asks = 0;
  session = createScriptedSession(
    { params: {} },
    {
      subscribe: async () => {
        asks += 1;
        session?.translate({ alias: ALIAS, kind: DOC_KIND.syncRequest, payload: bytes(1, 9, asks) });
      },
      ...script,
    },
  );
  const { ws, sent, forwarded, translate } = session;
  await endpoint.onConnect?.(ws, ws.request);
  const hear = async (message: string | Uint8Array) => {
    await endpoint.onMessage?.(ws, message);
    await settled();
  };
  for (const address of addresses) await hear(authOf(address, "token", "4.8.0"));
  /** What the engine does with a message of the room. */
  const tell = async (message: ServerMessage | Parameters<typeof translate>[0]) => {
    const translated = translate(message);
    if (translated !== null) sent.push(translated);
    await settled();
  };
  const push = (kind: number, payload: Uint8Array, isFed = false) =>
    tell({ alias: ALIAS, kind, payload, ...(isFed ? { isFed: true as const } : {}) });
  const fail = (code: ErrorCode) =>
    tell({ type: "error", topic: TOPIC, error: new PlexlineError(code).toBody() });
  const committed = (acked: number) => tell({ type: "committed", alias: ALIAS, offset: 1, acked });
  /** What went to the client, or to the room, since the last look. */
  const news = () => sent.splice(0);
  const asked = () => forwarded.splice(0);
  return { ...session, endpoint, hear, tell, push, fail, committed, news, asked };
}

/** The same with its first sync over: numbers up to 1 are settled. */
async function joined(...parameters: Parameters<typeof connect>) {
  const session = await connect(...parameters);
  const [address] = parameters[0] ?? ["plan"];
  await session.hear(step1Of(address!));
  await session.push(DOC_KIND.syncResponse, EMPTY, true);
  await session.hear(step2Of(address!));
  await session.committed(1);
  expect(session.news().at(-1)).toEqual(statusOf(address!, 1));
  session.asked();
  return session;
}

describe("the endpoint", () => {
  test("[HP2] takes what its path and query say, and authenticates in band", () => {
    const endpoint = hocuspocus();
    const matches = (query: string) =>
      endpoint.match?.({ query: new URLSearchParams(query) } as UpgradeRequest);
    expect(endpoint).toMatchObject({ path: "/api/ws", tokenParameter: "token", authentication: "in-band" });
    expect(["type=yjs", "type=agent", ""].map(matches)).toEqual([true, false, false]);
    expect(hocuspocus({ tokenParameter: null })).not.toHaveProperty("tokenParameter");
  });

  test("[HP1] the topic of a name is the application's to say", async () => {
    const { subscribed } = await connect(["a", "b\0x", "b\0y"], {}, { topic: (name) => `page:${name}` });
    expect(subscribed).toEqual(["page:a", "page:b", "page:b"]);
  });
});

describe("syncing", () => {
  test("[HP6] what the room feeds goes to the address that asked, what happens meanwhile to all", async () => {
    const { hear, push, news, asked } = await connect(["plan\0x", "plan\0y"]);
    expect(news()).toEqual([authenticatedOf("plan\0x"), authenticatedOf("plan\0y")]);
    await hear(step1Of("plan\0x"));
    await hear(step1Of("plan\0y", bytes(1, 5, 5)));
    expect(asked()).toEqual([[DOC_KIND.syncRequest, EMPTY_VECTOR]]);
    expect(news()).toEqual([step1Of("plan\0x", bytes(1, 9, 2)), step1Of("plan\0y", bytes(1, 9, 2))]);
    await push(DOC_KIND.update, bytes(1), true);
    await push(DOC_KIND.update, bytes(2));
    await push(DOC_KIND.syncResponse, EMPTY, true);
    expect(news()).toEqual([
      updateOf("plan\0x", bytes(1)),
      updateOf("plan\0x", bytes(2)),
      updateOf("plan\0y", bytes(2)),
      step2Of("plan\0x"),
    ]);
    expect(asked()).toEqual([[DOC_KIND.syncRequest, bytes(1, 5, 5)]]);
    await push(DOC_KIND.syncResponse, EMPTY, true);
    expect(news()).toEqual([step2Of("plan\0y")]);
  });

  test("[HP7] only the answer to the newest request goes to the room; one that nobody asked for is an update", async () => {
    const { hear, push, news, asked, committed } = await joined();
    await push(DOC_KIND.syncRequest, bytes(1, 1, 1));
    await push(DOC_KIND.syncRequest, bytes(1, 1, 2));
    expect(news()).toEqual([step1Of("plan", bytes(1, 1, 1)), step1Of("plan", bytes(1, 1, 2))]);
    await hear(step2Of("plan", bytes(1, 0)));
    expect(asked()).toEqual([]);
    await hear(step2Of("plan", bytes(2, 0)));
    await hear(step2Of("plan", bytes(3, 0)));
    expect(asked()).toEqual([
      [DOC_KIND.syncResponse, bytes(2, 0)],
      [DOC_KIND.update, bytes(3, 0)],
    ]);
    await committed(3);
    expect(news()).toEqual([]);
  });

  test("[HP8] [HP11] a sync that the client begins again is asked for anew, and has one status", async () => {
    const { hear, news, committed, subscribed, push } = await joined();
    await hear(updateOf("plan", bytes(1)));
    await hear(step1Of("plan"));
    expect([subscribed.length, news()]).toEqual([2, [step1Of("plan", bytes(1, 9, 2))]]);
    await push(DOC_KIND.syncResponse, EMPTY, true);
    await hear(step2Of("plan"));
    news();
    await committed(1);
    expect(news()).toEqual([statusOf("plan", 1)]);
  });
});

describe("what goes wrong later", () => {
  test("[HP9] an error of nobody knows which update withholds statuses until an answer is settled", async () => {
    const { hear, fail, committed, news, push } = await joined();
    await hear(updateOf("plan", bytes(1)));
    await fail("STORAGE_UNAVAILABLE");
    await committed(2);
    expect(news()).toEqual([]);
    await push(DOC_KIND.syncRequest, bytes(0));
    await hear(step2Of("plan", bytes(1, 1)));
    news();
    await committed(3);
    expect(news()).toEqual([statusOf("plan", 1)]);
  });

  test("[HP9] where nobody would ask, it subscribes anew, and not again before that has helped", async () => {
    const { hear, fail, committed, news, subscribed } = await joined();
    await hear(updateOf("plan", bytes(1)));
    await fail("UPDATE_GAP");
    expect([subscribed.length, news()]).toEqual([2, [step1Of("plan", bytes(1, 9, 2))]]);
    await hear(step2Of("plan", bytes(1, 1)));
    await fail("UPDATE_GAP");
    await committed(1);
    expect([subscribed.length, news()]).toEqual([2, []]);
  });

  test("[HP9] an error about a cursor says nothing of updates", async () => {
    const { hear, fail, committed, news } = await joined();
    await hear(updateOf("plan", bytes(1)));
    await fail("PRESENCE_INVALID");
    await committed(2);
    expect(news()).toEqual([statusOf("plan", 1)]);
  });

  test.each<[ErrorCode, number]>([
    ["MESSAGE_TOO_LARGE", 4413],
    ["HANDLER_TIMEOUT", 1011],
    ["OVERLOADED", 1013],
  ])("[HP12] an update that is answered %s closes with %i", async (code, close) => {
    let isBad = false;
    const sendBinary = () => (isBad ? Promise.reject(new PlexlineError(code)) : Promise.resolve());
    const { hear, closed, news } = await joined(["plan"], { sendBinary });
    isBad = true;
    await hear(updateOf("plan", bytes(1)));
    await hear(updateOf("plan", bytes(2)));
    expect(closed).toEqual([[close, expect.stringMatching(new RegExp(`^${code}: `))]]);
    expect(news()).toEqual([]);
  });

  test("[HP12] a document that cannot be read closes the connection, so that the client asks again", async () => {
    const { hear, fail, closed } = await connect();
    await hear(step1Of("plan"));
    await fail("STORAGE_UNAVAILABLE");
    expect(closed).toEqual([[1013, expect.stringMatching(/^STORAGE_UNAVAILABLE/)]]);
  });

  test("[HP18] a document that was replaced is denied and left; a part that is gone closes", async () => {
    const reset = await joined();
    const position = { epoch: "e", offset: 1 };
    await reset.tell({ type: "gap", topic: TOPIC, position, reason: "reset" });
    expect(new TextDecoder().decode(reset.news()[0] as Uint8Array)).toMatch(
      /permission-denied: REVOKED: The document was/,
    );
    expect([reset.unsubscribed, reset.closed]).toEqual([[TOPIC], []]);
    await reset.hear(updateOf("plan", bytes(1)));
    expect(reset.asked()).toEqual([]);
    const trimmed = await joined();
    await trimmed.tell({ type: "gap", topic: TOPIC, position, reason: "trimmed" });
    expect(trimmed.closed).toEqual([[4510, expect.stringMatching(/^RESYNC/)]]);
  });

  test("[HP3] what may work later closes the connection instead of denying", async () => {
    const subscribe = () => Promise.reject(new PlexlineError("STORAGE_UNAVAILABLE"));
    const { closed, news } = await connect(["plan"], { subscribe });
    expect([closed, news()]).toEqual([[[1013, expect.any(String)]], []]);
  });
});

test("[HP16] events named stateless and notices come as stateless, other events do not", async () => {
  const { push, news } = await joined();
  const payloadOf = (name: string, data: unknown) => encodeDocEvent({ name, data });
  await push(DOC_KIND.event, payloadOf("stateless", "hello"));
  await push(DOC_KIND.event, payloadOf("selection", 1));
  await push(DOC_KIND.notice, payloadOf("stateless", { a: 1 }));
  await push(DOC_KIND.notice, payloadOf("saved", 2));
  expect(news()).toEqual([
    statelessOf("plan", "hello"),
    statelessOf("plan", '{"a":1}'),
    statelessOf("plan", '{"name":"saved","data":2}'),
  ]);
});
