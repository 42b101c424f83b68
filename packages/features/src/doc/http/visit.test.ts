import { PlexlineError } from "@plexline/protocol";
import { describe, expect, test } from "vitest";
import { createScriptedSession } from "../dialects/scripted-session.fixture.ts";
import { DOC_KIND } from "../protocol.ts";
import { scanUpdate } from "../update/scan.ts";
import { encodeStateVector } from "../update/state-vector.ts";
import { insert, written } from "./api.fixture.ts";
import { visitDocument } from "./visit.ts";

// The moments that no real room can be made to have on demand.

const { updates } = written(1, insert("one"), insert("two"));
const update = updates[1] as Uint8Array;
const POSITION = { epoch: "e", offset: 4 };

async function start(onUpdate: () => void | Promise<void> = () => {}) {
  const session = createScriptedSession({ params: {} }, { sendBinary: async () => onUpdate() });
  const subscribe = session.ws.subscribe.bind(session.ws);
  session.ws.subscribe = async (...asked) => ({ ...(await subscribe(...asked)), position: POSITION });
  let end: (error: PlexlineError) => void = () => {};
  const ended = new Promise<PlexlineError>((resolve) => {
    end = resolve;
  });
  const scan = async (...asked: Parameters<typeof scanUpdate>) => scanUpdate(...asked);
  const visit = await visitDocument(session.ws, "doc:1", (error) => end(error), { scan });
  const hear = {
    question: (clock: number) =>
      session.translate({
        alias: 7,
        kind: DOC_KIND.syncRequest,
        payload: encodeStateVector(new Map([[1, clock]])),
      }),
    entry: () => session.translate({ alias: 7, kind: DOC_KIND.update, payload: Uint8Array.of(0, 0) }),
    committed: (offset: number, acked?: number) =>
      session.translate({ type: "committed", alias: 7, offset, ...(acked === undefined ? {} : { acked }) }),
  };
  const sent = () => session.forwarded.filter(([kind]) => kind === DOC_KIND.update).length;
  return { session, visit, ended, hear, sent };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("an update of a request", () => {
  test("[DH7] is answered by what is acknowledged, not by what is merely durable", async () => {
    const { visit, hear } = await start();
    const answer = visit.append(update);
    await turn();
    hear.committed(5);
    hear.entry();
    hear.committed(6, 1);
    expect(await answer).toEqual({ position: { epoch: "e", offset: 6 }, known: false });
  });

  test("[DH7] is known where the log has grown by no more than what others wrote before it", async () => {
    const { visit, hear } = await start();
    hear.entry();
    const answer = visit.append(update);
    await turn();
    hear.committed(5, 1);
    expect(await answer).toMatchObject({ known: true });
  });

  test("[DH7] is not called known while others write, for then it cannot be told", async () => {
    const { visit, hear } = await start();
    const answer = visit.append(update);
    await turn();
    hear.entry();
    hear.committed(5, 1);
    expect(await answer).toMatchObject({ known: false });
  });

  test("[DH9] is in a gap if the room asks for it afterwards, and not if the room asks for something else", async () => {
    const { visit, hear, ended, sent } = await start();
    visit.append(update);
    await turn();
    hear.question(6);
    await turn();
    hear.question(3);
    expect(await ended).toMatchObject({ code: "UPDATE_GAP" });
    expect(sent()).toBe(1);
  });

  test("[DH9] is sent again if the room asked while it was on its way: the next question is about it", async () => {
    const first = await start(() => {
      if (first.sent() === 1) first.hear.question(0);
    });
    first.visit.append(update);
    await turn();
    expect(first.sent()).toBe(2);
    first.hear.question(3);
    expect(await first.ended).toMatchObject({ code: "UPDATE_GAP" });
  });

  test("[DH3] ends with what the room or the engine says", async () => {
    const error = new PlexlineError("STORAGE_UNAVAILABLE").toBody();
    const refused = await start();
    refused.session.translate({ type: "error", topic: "doc:1", error });
    expect(await refused.ended).toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    const lost = await start();
    lost.session.translate({
      type: "unsubscribed",
      topic: "doc:1",
      error: new PlexlineError("REVOKED").toBody(),
    });
    expect(await lost.ended).toMatchObject({ code: "REVOKED" });
    const replaced = await start();
    replaced.session.translate({ type: "gap", topic: "doc:1", position: POSITION, reason: "reset" });
    expect(await replaced.ended).toMatchObject({ code: "RESYNC" });
  });
});
