import { describe, expect, test } from "vitest";
import { createAccount, createRound, Settlements } from "./settlements.ts";

/** Settlements with two addresses, and what each was told. */
function create() {
  const settlements = new Settlements();
  const told: string[] = [];
  const accountOf = (name: string) => createAccount((isSaved) => void told.push(`${name}${isSaved ? 1 : 0}`));
  const [a, b] = [accountOf("a"), accountOf("b")];
  /** An update that the room takes. */
  const update = (account = a) => {
    const parcel = settlements.sendUpdate(account);
    settlements.taken(parcel);
    return parcel;
  };
  const answer = (round: ReturnType<typeof createRound>, account = a) => {
    const parcel = settlements.sendAnswer(account, round);
    settlements.taken(parcel);
    return parcel;
  };
  /** What has been told since the last look. */
  const news = () => told.splice(0);
  return { settlements, a, b, update, answer, news };
}

const ROUND = Uint8Array.of(0);

describe("the statuses of updates", () => {
  test("[HP8] one for each, when its number is acknowledged, to whom it is due", () => {
    const { settlements, a, b, update, news } = create();
    update(a);
    update(b);
    update(a);
    expect(news()).toEqual([]);
    settlements.acknowledge(1);
    expect(news()).toEqual(["a1"]);
    settlements.acknowledge(3);
    settlements.acknowledge(3);
    expect(news()).toEqual(["b1", "a1"]);
    expect(settlements.waiting).toBe(0);
  });

  test("[HP8] an acknowledgement that comes before the room's answer waits for it", () => {
    const { settlements, a, news } = create();
    const first = settlements.sendUpdate(a);
    const second = settlements.sendUpdate(a);
    settlements.acknowledge(2);
    settlements.taken(second);
    expect(news()).toEqual([]);
    settlements.taken(first);
    expect(news()).toEqual(["a1", "a1"]);
  });

  test("[HP10] what was refused is told 0 at once; what the room never counted takes no number", () => {
    const { settlements, a, update, news } = create();
    const forbidden = settlements.sendUpdate(a);
    const next = settlements.sendUpdate(a);
    settlements.taken(next);
    settlements.acknowledge(1);
    expect(news()).toEqual([]);
    settlements.refused(forbidden, { wasCounted: false });
    expect(news()).toEqual(["a0", "a1"]);
    const invalid = settlements.sendUpdate(a);
    update(a);
    settlements.refused(invalid, { wasCounted: true });
    expect(news()).toEqual(["a0"]);
    settlements.acknowledge(2);
    expect(news()).toEqual([]);
    settlements.acknowledge(3);
    expect(news()).toEqual(["a1"]);
  });

  test("[HP8] an answer has a status where it completes a sync of the client, and no other", () => {
    const { settlements, a, answer, update, news } = create();
    settlements.beginSync(a);
    answer(createRound(ROUND));
    settlements.acknowledge(1);
    expect(news()).toEqual(["a1"]);
    update();
    answer(createRound(ROUND));
    settlements.acknowledge(3);
    expect(news()).toEqual(["a1"]);
  });

  test("[HP11] a new sync ends what was due before, and its own answer has to come after it", () => {
    const { settlements, a, answer, update, news } = create();
    settlements.beginSync(a);
    update();
    answer(createRound(ROUND));
    settlements.beginSync(a);
    settlements.acknowledge(2);
    expect(news()).toEqual([]);
    update();
    answer(createRound(ROUND));
    settlements.acknowledge(4);
    expect(news()).toEqual(["a1", "a1"]);
  });

  test("[HP9] in doubt, an acknowledgement proves nothing; a later answer of the same address does", () => {
    const { settlements, a, b, answer, update, news } = create();
    update(a);
    update(b);
    settlements.doubt();
    settlements.acknowledge(2);
    expect(news()).toEqual([]);
    expect([settlements.needsRound(a), settlements.needsRound(b)]).toEqual([true, true]);
    const round = createRound(ROUND);
    answer(round, b);
    update(a);
    settlements.acknowledge(4);
    expect(news()).toEqual(["b1", "a1"]);
    answer(round, a);
    settlements.acknowledge(5);
    expect(news()).toEqual(["a1"]);
    expect([settlements.needsRound(a), settlements.needsRound(b)]).toEqual([false, false]);
  });

  test("[HP9] an answer proves nothing if the first one to its request was in doubt or refused", () => {
    for (const spoil of ["doubt", "refused"] as const) {
      const { settlements, a, b, answer, update, news } = create();
      update(b);
      settlements.doubt();
      settlements.acknowledge(1);
      const round = createRound(ROUND);
      const anchor = settlements.sendAnswer(a, round);
      if (spoil === "refused") {
        settlements.refused(anchor, { wasCounted: true });
      } else {
        settlements.doubt();
        settlements.taken(anchor);
      }
      answer(round, b);
      settlements.acknowledge(3);
      expect(news()).toEqual([]);
      answer(createRound(ROUND), b);
      settlements.acknowledge(4);
      expect(news()).toEqual(["b1"]);
    }
  });

  test("[HP9] when the room counts anew, what was under way is owed, and told once", () => {
    const { settlements, a, b, answer, update, news } = create();
    update(a);
    const open = settlements.sendUpdate(a);
    const refused = settlements.sendUpdate(b);
    settlements.restart();
    update(a);
    settlements.acknowledge(1);
    expect(news()).toEqual(["a1"]);
    settlements.taken(open);
    settlements.refused(refused, { wasCounted: true });
    expect(news()).toEqual(["b0"]);
    const round = createRound(ROUND);
    answer(round, a);
    answer(round, b);
    settlements.acknowledge(3);
    expect(news()).toEqual(["a1", "a1"]);
  });

  test("[HP17] who has left is told nothing, and hinders nobody", () => {
    const { settlements, a, b, update, news } = create();
    update(a);
    update(b);
    settlements.leave(a);
    settlements.acknowledge(2);
    expect(news()).toEqual(["b1"]);
  });

  test("[HP8] whatever happens, nothing is told as saved before its room's number, and never twice", () => {
    let seed = 1;
    const next = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let run = 0; run < 300; run += 1) {
      const settlements = new Settlements();
      let saved = 0;
      let refused = 0;
      const account = createAccount((isSaved) => {
        if (isSaved) saved += 1;
        else refused += 1;
      });
      let durable = 0;
      let counted = 0;
      const outcomes: boolean[] = [];
      for (let step = 0; step < 30; step += 1) {
        const parcel = settlements.sendUpdate(account);
        const kind = next(4);
        if (kind === 0) {
          settlements.refused(parcel, { wasCounted: false });
        } else {
          counted += 1;
          outcomes.push(kind !== 1);
          if (kind === 1) settlements.refused(parcel, { wasCounted: true });
          else settlements.taken(parcel);
        }
        durable += next(counted - durable + 1);
        settlements.acknowledge(durable);
        expect(saved).toBe(outcomes.slice(0, durable).filter(Boolean).length);
      }
      settlements.acknowledge(counted);
      expect(saved + refused).toBe(30);
    }
  });
});
