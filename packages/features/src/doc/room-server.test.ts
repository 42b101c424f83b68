import { decodeBinaryMessage, encodeBinaryMessage } from "@plexline/protocol";
import { createTestServer, type RawClient } from "@plexline/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import * as Y from "yjs";
import { encodeDocEvent } from "./event.ts";
import { DOC_KIND } from "./protocol.ts";
import { createTyped } from "./room.fixture.ts";
import { doc } from "./server.ts";
import { scanUpdate } from "./update/scan.ts";
import { fold } from "./worker/fold.ts";

// Documents over the native protocol, on a server whose time and network the test controls. eve reads only.

const TOPIC = "page:1";
const base64 = (update: Uint8Array) => Buffer.from(update).toString("base64");

async function start() {
  const page = doc("page:{id}", {
    authorize: ({ principal }) => (principal.id === "eve" ? "read" : "write"),
    worker: {
      scan: async (update, limits) => scanUpdate(update, limits),
      fold: async (job) => fold(job),
    },
  });
  const server = await createTestServer({ topics: { page } });
  onTestFinished(() => server.close());
  return {
    settle: () => server.settle(100),
    async join(user: string, input?: unknown) {
      const client = await server.connect(user);
      const { alias } = await client.ask<{ alias: number }>({ type: "subscribe", topic: TOPIC, input });
      return {
        client,
        send: (kind: number, payload: Uint8Array = new Uint8Array()) =>
          client.send(encodeBinaryMessage({ alias, kind, payload }) as Uint8Array<ArrayBuffer>),
        seed: (update: Uint8Array) =>
          client.request({ type: "call", topic: TOPIC, command: "seed", input: { update: base64(update) } }),
        received: (kind: number) => binaryOf(client).filter((message) => message.kind === kind),
      };
    },
  };
}

const binaryOf = (client: RawClient) =>
  client.received.filter((one) => one instanceof Uint8Array).map(decodeBinaryMessage);
const codesOf = (client: RawClient) => client.all("error").map(({ error }) => error.code);

describe("a document on a server", () => {
  test("[DC19] a reader is sent the state, in parts if it takes them", async () => {
    const { join, settle } = await start();
    const ada = await join("ada");
    const typed = createTyped(1);
    typed.type("x".repeat(400_000));
    typed.type("hello");
    for (const update of typed.updates) ada.send(DOC_KIND.update, update);
    await settle();
    const [eve, inParts] = [await join("eve"), await join("eve", { parts: true })];
    for (const { send } of [eve, inParts]) send(DOC_KIND.state);
    await settle();
    const whole = eve.received(DOC_KIND.state).map(({ payload }) => payload);
    expect(whole).toHaveLength(1);
    const received = new Y.Doc();
    Y.applyUpdate(received, whole[0]!);
    expect(received.getText("t").toString()).toBe(typed.doc.getText("t").toString());
    const parts = inParts.received(DOC_KIND.part).map(({ payload }) => payload.subarray(2));
    expect(parts).toHaveLength(2);
    expect(Buffer.concat(parts).equals(whole[0]!)).toBe(true);
    expect(ada.received(DOC_KIND.state)).toEqual([]);
  });

  test("[DC20] events and notices reach all others; a reader sends events only", async () => {
    const { join, settle } = await start();
    const [ada, bob, eve] = [await join("ada"), await join("bob"), await join("eve")];
    const [event, notice] = ["event", "notice"].map((name) => encodeDocEvent({ name, data: 1 })) as [
      Uint8Array,
      Uint8Array,
    ];
    eve.send(DOC_KIND.event, event);
    eve.send(DOC_KIND.notice, notice);
    ada.send(DOC_KIND.notice, notice);
    ada.send(DOC_KIND.event, new Uint8Array([1]));
    await settle();
    const told = [ada, bob, eve].map(({ received }) =>
      [DOC_KIND.event, DOC_KIND.notice].map((kind) => received(kind).map(({ payload }) => payload)),
    );
    expect(told).toEqual([
      [[event], []],
      [[event], [notice]],
      [[], [notice]],
    ]);
    expect([codesOf(ada.client), codesOf(eve.client)]).toEqual([["MALFORMED_MESSAGE"], ["FORBIDDEN"]]);
    expect([ada.client.closed, eve.client.closed]).toEqual([undefined, undefined]);
  });

  test("[DC21] a document is seeded once, by a writer, and everybody is handed the seed", async () => {
    const { join, settle } = await start();
    const [ada, bob, eve] = [await join("ada"), await join("bob"), await join("eve")];
    const updates = [1, 2].map((client) => createTyped(client).type(`${client}`));
    expect(await eve.seed(updates[0]!)).toMatchObject({ ok: false, error: { code: "FORBIDDEN" } });
    const replies = await Promise.all([ada.seed(updates[0]!), bob.seed(updates[1]!)]);
    expect(replies).toMatchObject([
      { ok: true, result: { output: { seeded: true } } },
      { ok: true, result: { output: { seeded: false } } },
    ]);
    await settle();
    for (const { received } of [ada, bob, eve])
      expect(received(DOC_KIND.update).map(({ payload }) => payload)).toEqual([updates[0]]);
  });
});
