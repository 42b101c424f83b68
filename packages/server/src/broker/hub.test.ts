import { createTestClock } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import type { Batch } from "./batch.ts";
import { createHub } from "./hub.ts";
import { type Encoder, Publication } from "./publication.ts";
import type { Subscriber, Tail } from "./tail.ts";

const shared: Encoder = {
  isShared: true,
  encode: (message) => ({ data: JSON.stringify(message), bytes: 10 }),
};
const foreign: Encoder = { encode: (message) => ({ data: `own ${JSON.stringify(message)}`, bytes: 10 }) };

function publication(offset: number | null): Publication {
  return new Publication({ type: "pong" }, offset, { policy: "close" });
}

interface Heard extends Subscriber {
  /** Offsets: alone for one publication, joined by `-` for a batch. */
  readonly heard: string[];
  takesBatches: boolean;
  onDelivery: () => void;
}

function subscriber(encoder = shared): Heard {
  const one: Heard = {
    encoder,
    taken: 0,
    heard: [],
    takesBatches: true,
    onDelivery: () => {},
    deliver({ offset }) {
      one.heard.push(String(offset));
      one.onDelivery();
    },
    deliverBatch({ publications }: Batch) {
      if (!one.takesBatches) return false;
      one.heard.push(publications.map(({ offset }) => offset).join("-"));
      one.onDelivery();
      return true;
    },
  };
  return one;
}

function setUp(flushWindowMs = 0, flushWindowPerSubscriberMs?: number) {
  const clock = createTestClock();
  const failures: unknown[] = [];
  const hub = createHub(clock, (error) => failures.push(error));
  const tail = hub.createTail({
    flushWindowMs,
    ...(flushWindowPerSubscriberMs === undefined ? {} : { flushWindowPerSubscriberMs }),
  });
  const join = (encoder = shared) => {
    const one = subscriber(encoder);
    tail.add(one);
    return one;
  };
  return { clock, hub, tail, failures, join };
}

function publish(tail: Tail, ...offsets: (number | null)[]): void {
  for (const offset of offsets) tail.publish(publication(offset));
}

describe("a tail", () => {
  test("hands out what is published in one tick together, at its end", () => {
    const { clock, tail, join } = setUp();
    const members = [join(), join()];
    publish(tail, 1, 2, null, 3);
    expect(members.map(({ heard }) => heard)).toEqual([[], []]);
    clock.runDeferred();
    publish(tail, 4);
    clock.runDeferred();
    expect(members.map(({ heard }) => heard)).toEqual(Array(2).fill(["1-2--3", "4"]));
  });

  test("hands out each publication at once where nothing is deferred", () => {
    const hub = createHub({ ...createTestClock(), defer: (callback) => callback() }, () => {});
    const tail = hub.createTail();
    const one = subscriber();
    tail.add(one);
    publish(tail, 1, 2);
    expect(one.heard).toEqual(["1", "2"]);
  });

  test("gives one by one what a subscriber does not take together, or what has a hole", () => {
    const { clock, tail, join } = setUp();
    const [ready, behind] = [join(), join()];
    behind.takesBatches = false;
    publish(tail, 1, 2);
    clock.runDeferred();
    publish(tail, 4, 6);
    clock.runDeferred();
    expect(ready.heard).toEqual(["1-2", "4", "6"]);
    expect(behind.heard).toEqual(["1", "2", "4", "6"]);
  });

  test("gives a newcomer nothing from before, and a leaver nothing after", () => {
    const { clock, tail, join } = setUp();
    const [stays, leaves] = [join(), join()];
    publish(tail, 1);
    const comes = join();
    tail.settle(leaves);
    tail.remove(leaves);
    publish(tail, 2);
    clock.runDeferred();
    tail.settle(leaves);
    expect([stays.heard, leaves.heard, comes.heard]).toEqual([["1-2"], ["1"], ["2"]]);
    expect(tail.size).toBe(2);
  });

  test("settles one subscriber at once and does not serve it twice", () => {
    const { clock, tail, join } = setUp();
    const [early, late] = [join(), join()];
    publish(tail, 1, 2);
    tail.settle(early);
    tail.settle(early);
    expect([early.heard, late.heard]).toEqual([["1", "2"], []]);
    publish(tail, 3);
    clock.runDeferred();
    expect([early.heard, late.heard]).toEqual([["1", "2", "3"], ["1-2-3"]]);
  });

  test("forgets what is gathered for one subscriber when told to, and goes on", () => {
    const { clock, tail, join } = setUp();
    const one = join();
    publish(tail, 1);
    tail.skip(one);
    publish(tail, 2);
    clock.runDeferred();
    expect(one.heard).toEqual(["2"]);
  });

  test("leaves out the one it is told to, which keeps its place in the order", () => {
    const { clock, tail, join } = setUp();
    const [sender, other] = [join(), join()];
    publish(tail, 1);
    tail.publish(publication(2), sender);
    publish(tail, 3);
    clock.runDeferred();
    expect([sender.heard, other.heard]).toEqual([["1", "3"], ["1-2-3"]]);
  });

  test("serves a codec of one's own at once, and leaves it out as well", () => {
    const { clock, tail, join } = setUp();
    const [native, own] = [join(), join(foreign)];
    publish(tail, 1);
    tail.publish(publication(2), own);
    tail.settle(own);
    expect([native.heard, own.heard]).toEqual([[], ["1"]]);
    clock.runDeferred();
    expect([native.heard, own.heard]).toEqual([["1-2"], ["1"]]);
  });

  test("gathers a batch for each shared codec, encoded once for all who have it", () => {
    const { clock, tail, join } = setUp();
    let encoded = 0;
    const text: Encoder = {
      isShared: true,
      encode() {
        encoded += 1;
        return { data: "text", bytes: 4 };
      },
    };
    const [native, one, other] = [join(), join(text), join(text)];
    one.takesBatches = false;
    publish(tail, 1);
    tail.settle(other);
    publish(tail, 2);
    clock.runDeferred();
    expect([native.heard, one.heard, other.heard]).toEqual([["1-2"], ["1", "2"], ["1", "2"]]);
    expect(encoded).toBe(2);
    tail.remove(one);
    tail.remove(other);
    publish(tail, 3);
    const late = join(text);
    publish(tail, 4);
    clock.runDeferred();
    expect([native.heard.at(-1), late.heard, encoded, tail.size]).toEqual(["3-4", ["4"], 3, 2]);
  });

  test("a codec without words for a publication is handed the batch without it", () => {
    const { clock, tail, join } = setUp();
    const batches: [messages: number, isWhole: boolean][] = [];
    const odd: Encoder = {
      isShared: true,
      encode: () => (batches.length === 0 ? null : { data: "x", bytes: 1 }),
    };
    const one = join(odd);
    const { deliverBatch } = one;
    one.deliverBatch = (batch) => {
      batches.push([batch.messages.length, batch.isWhole]);
      return deliverBatch(batch);
    };
    publish(tail, 1, 2);
    clock.runDeferred();
    publish(tail, 3);
    clock.runDeferred();
    expect([batches, one.heard]).toEqual([
      [
        [0, true],
        [1, true],
      ],
      ["1-2", "3"],
    ]);
  });

  test("what one codec publishes on while batches go out reaches the others in its order", () => {
    const { clock, tail, join } = setUp();
    const text: Encoder = { isShared: true, encode: () => ({ data: "text", bytes: 4 }) };
    const [first, second] = [join(), join(text)];
    first.onDelivery = () => {
      first.onDelivery = () => {};
      publish(tail, 2);
      tail.flush();
    };
    publish(tail, 1);
    clock.runDeferred();
    expect([first.heard, second.heard]).toEqual([["1", "2"], ["1-2"]]);
  });

  test("a subscriber that throws hurts nobody, and is reported", () => {
    const { clock, tail, failures, join } = setUp();
    const members = [join(), join(), join()];
    const broken = new Error("broken");
    members[1]!.onDelivery = () => {
      throw broken;
    };
    publish(tail, 1);
    clock.runDeferred();
    expect(members.map(({ heard }) => heard)).toEqual([["1"], ["1"], ["1"]]);
    expect(failures).toEqual([broken]);
  });

  test("what is published, joins and leaves while a batch goes out is served once and in order", () => {
    const { clock, tail, join } = setUp();
    const [first, leaves, last] = [join(), join(), join()];
    const comes = subscriber();
    first.onDelivery = () => {
      first.onDelivery = () => {};
      tail.remove(leaves);
      tail.add(comes);
      publish(tail, 2);
      tail.flush();
      tail.settle(last);
    };
    publish(tail, 1);
    clock.runDeferred();
    expect([first.heard, leaves.heard, last.heard, comes.heard]).toEqual([["1", "2"], [], ["1", "2"], ["2"]]);
  });

  test("does not gather without limit", () => {
    const { tail, join } = setUp();
    const one = join({ isShared: true, encode: () => ({ data: "x", bytes: 30_000 }) });
    publish(tail, 1, 2, 3, 4);
    expect(one.heard).toEqual(["1-2-3"]);
  });

  test("with a window the first does not wait, and what follows leaves together at the window's end", () => {
    const { clock, tail, join } = setUp(10);
    const one = join();
    publish(tail, 1);
    clock.runDeferred();
    expect(one.heard).toEqual(["1"]);
    clock.advance(4);
    publish(tail, 2);
    clock.advance(5);
    publish(tail, 3);
    expect(one.heard).toEqual(["1"]);
    clock.advance(1);
    expect(one.heard).toEqual(["1", "2-3"]);
    clock.advance(10);
    publish(tail, 4);
    clock.runDeferred();
    expect(one.heard).toEqual(["1", "2-3", "4"]);
  });

  test("a window that grows with the subscribers is as long as they are many, up to all of it", () => {
    const { clock, tail, join } = setUp(10, 0.4);
    let offset = 0;
    const waits = (count: number) => {
      while (tail.size < count) join();
      const one = join();
      clock.advance(100);
      publish(tail, ++offset);
      clock.runDeferred();
      publish(tail, ++offset);
      clock.runDeferred();
      let waitedMs = 0;
      for (; one.heard.length < 2; waitedMs += 1) clock.advance(1);
      return waitedMs;
    };
    expect([waits(1), waits(9), waits(19), waits(100)]).toEqual([0, 4, 8, 10]);
  });

  test("several topics share the end of a tick", () => {
    const { clock, hub, tail, join } = setUp();
    const one = join();
    const other = hub.createTail();
    const two = subscriber();
    other.add(two);
    publish(tail, 1);
    publish(other, 7);
    publish(tail, 2);
    clock.runDeferred();
    expect([one.heard, two.heard]).toEqual([["1-2"], ["7"]]);
  });
});
