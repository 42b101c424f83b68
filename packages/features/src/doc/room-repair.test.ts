import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { DOC_KIND, EMPTY_UPDATE } from "./protocol.ts";
import { ada, bob, createTyped, type Opened, openDoc, settled } from "./room.fixture.ts";
import { disagreeingOverlap, gc, section, update } from "./update/hostile.fixture.ts";

const text = (document: Y.Doc) => document.getText("t").toString();
const codes = (page: Opened, member: typeof ada) => page.errors(member).map(({ code }) => code);

/** Answers every request that a member has not answered yet, as a client does. */
async function answer(page: Opened, member: typeof ada, document: Y.Doc, from: number): Promise<number> {
  const requests = page.pushed(member, DOC_KIND.syncRequest);
  for (const request of requests.slice(from))
    await page.syncResponse(member, Y.encodeStateAsUpdate(document, request));
  await settled();
  return requests.length;
}

/** Ada and Bob type in turns behind each other's last letter; then everything that both have is deleted. */
function typeInTurns(letters: string) {
  const [one, two] = [createTyped(1), createTyped(2)];
  for (const [index, letter] of [...letters].entries()) {
    const [typist, reader] = index % 2 === 0 ? [one, two] : [two, one];
    Y.applyUpdate(reader.doc, typist.type(letter), "remote");
  }
  return { one, two };
}

describe("repair of a document", () => {
  test("[DC11] two users whose structs need each other in turns heal, though each has deleted the other's", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const { one, two } = typeInTurns("abababab");
    await page.update(ada, one.updates[0]!);
    await page.update(bob, two.updates[0]!);
    await settled();
    // Nothing else was stored, and each deletes what the other wrote: then it may not be brought for the other.
    for (const [{ doc }, foreign] of [
      [one, 1],
      [two, 0],
    ] as const)
      for (let at = 7; at >= 0; at -= 1) if (at % 2 === foreign) doc.getText("t").delete(at, 1);
    const seen = { ada: 0, bob: 0 };
    let rounds = 0;
    for (; rounds < 20 && page.logged().store.clients.get(2)?.length !== 4; rounds += 1) {
      seen.ada = await answer(page, ada, one.doc, seen.ada);
      seen.bob = await answer(page, bob, two.doc, seen.bob);
      page.topic.clock.advance(250);
    }
    expect(Y.decodeStateVector(Y.encodeStateVector(page.logged()))).toEqual(
      new Map([
        [1, 4],
        [2, 4],
      ]),
    );
    expect(rounds).toBeLessThan(10);
    seen.ada = await answer(page, ada, one.doc, seen.ada);
    seen.bob = await answer(page, bob, two.doc, seen.bob);
    page.topic.clock.advance(60_000);
    // Then nobody is asked any more.
    expect([page.asked(ada), page.asked(bob), page.topic.clock.pendingTimers]).toEqual([
      seen.ada,
      seen.bob,
      0,
    ]);
  });

  test("[DC11] who has brought only a part is asked again when what was missing is there, and not for anything else", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    const lost = one.type("x");
    Y.applyUpdate(two.doc, lost, "remote");
    two.type("y");
    const own = Y.encodeStateAsUpdate(two.doc, Y.encodeStateVectorFromUpdate(lost));
    await page.syncResponse(bob, own);
    await settled();
    expect(codes(page, bob)).toEqual(["UPDATE_GAP"]);
    page.topic.clock.advance(1_000);
    const before = page.asked(bob);
    await page.update(ada, createTyped(3).type("other"));
    expect(page.asked(bob)).toBe(before);
    await page.update(ada, lost);
    expect(page.asked(bob)).toBe(before + 1);
    await page.syncResponse(bob, own);
    await settled();
    expect(text(page.logged())).toContain("xy");
  });

  test("[DC11] what comes too early is put off, and who keeps bringing nothing is asked ever less", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const typed = createTyped(1);
    // So much is missing for it that it may be helped by anything.
    const rubbish = update(Array.from({ length: 33 }, (_, at) => section(100 + at, 5, [gc(1)])));
    await page.syncResponse(ada, rubbish);
    const before = page.asked(ada);
    const pausesMs: number[] = [];
    for (let ms = 0; pausesMs.length < 10; ms += 250) {
      if (page.asked(ada) - before > pausesMs.length) {
        pausesMs.push(ms);
        ms = 0;
        await page.syncResponse(ada, rubbish);
      }
      await page.update(bob, typed.type("a"));
      page.topic.clock.advance(250);
    }
    expect(pausesMs).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  });

  test("[DC11] another's filler is taken where the room has handed on what was there and has lost it", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const [one, two] = [createTyped(1), createTyped(2)];
    Y.applyUpdate(two.doc, one.type("ab"), "remote");
    await page.update(ada, one.updates[0]!);
    await page.syncResponse(bob, EMPTY_UPDATE);
    await settled();
    page.topic.failWrites();
    Y.applyUpdate(two.doc, one.type("cd"), "remote");
    await page.update(ada, one.updates[1]!);
    await settled();
    page.topic.releaseWrites();
    // Its author is gone for good; Bob has deleted some of it, and has written behind it.
    page.room.onUnsubscribe?.(ada);
    two.type("e");
    two.doc.getText("t").delete(2, 2);
    page.topic.clock.advance(1_000);
    const asked = page.pushed(bob, DOC_KIND.syncRequest).at(-1)!;
    await page.syncResponse(bob, Y.encodeStateAsUpdate(two.doc, asked));
    await settled();
    expect([text(page.logged()), codes(page, bob)]).toEqual(["abe", []]);
    // Of what nobody has seen it may not say so.
    const unseen = update([section(1, 4, [gc(1)])]);
    await page.syncResponse(bob, unseen);
    await settled();
    expect(codes(page, bob)).toEqual(["CLIENT_ID_TAKEN"]);
  });

  test("[DC7] of an update that disagrees with the document only what is behind its end is taken", async () => {
    const page = await openDoc();
    for (const member of [ada, bob]) await page.subscribe(member);
    const [first, second] = disagreeingOverlap(7);
    await page.update(ada, first);
    await settled();
    await page.update(ada, second);
    await page.syncResponse(bob, second);
    await settled();
    expect([page.topic.entries.length, page.acked(ada), codes(page, ada), codes(page, bob)]).toEqual([
      2,
      2,
      [],
      [],
    ]);
    expect(Y.decodeStateVector(Y.encodeStateVector(page.logged()))).toEqual(new Map([[7, 6]]));
  });
});
