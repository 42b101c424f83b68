import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OutboxPolicy } from "../broker/publication.ts";
import { Outbox } from "./outbox.ts";
import type { Socket } from "./socket.ts";

/** What a waiting message costs besides its bytes. */
const ENTRY = 64;
const CLOSE: OutboxPolicy = { policy: "close" };
const DROP: OutboxPolicy = { policy: "drop-oldest" };
const latest = (key: string): OutboxPolicy => ({ policy: "coalesce", key });

function setUp(options: { bytesMax?: number; socketBufferBytesMax?: number } = {}) {
  const sent: string[] = [];
  const dropped: string[] = [];
  let overflows = 0;
  const socket = {
    bufferedBytes: 0,
    send(data: string) {
      sent.push(data);
      this.bufferedBytes += data.length;
    },
  };
  const outbox = new Outbox(socket as unknown as Socket, {
    bytesMax: options.bytesMax ?? 10_000,
    socketBufferBytesMax: options.socketBufferBytesMax ?? 10,
    onBatch: () => {},
    onOverflow: () => {
      overflows += 1;
    },
    onDropped: (policy) => dropped.push(policy),
  });
  return {
    outbox,
    sent,
    dropped,
    socket,
    overflows: () => overflows,
    /** The socket takes nothing more. */
    stall: () => {
      socket.bufferedBytes = 1_000_000;
    },
    /** The socket has taken everything. */
    drain: () => {
      socket.bufferedBytes = 0;
      outbox.flush();
    },
    /** Lets everything out, however small the socket's buffer. */
    drainAll() {
      while (outbox.length > 0) this.drain();
    },
    send: (data: string, policy: OutboxPolicy = CLOSE, topic: string | null = "t") =>
      outbox.send({ data, bytes: data.length }, policy, topic),
  };
}

describe("an outbox", () => {
  test("passes messages straight through while the socket has room", () => {
    const { outbox, sent, send } = setUp({ socketBufferBytesMax: 100 });
    for (const data of ["a", "b", "c"]) send(data);
    expect(sent).toEqual(["a", "b", "c"]);
    expect(outbox.waitingBytes).toBe(0);
  });

  test("keeps the order of what waits and what comes later", () => {
    const { sent, send, stall, drain, socket, outbox } = setUp();
    stall();
    for (const data of ["1", "2", "3"]) send(data);
    socket.bufferedBytes = 0;
    send("4");
    drain();
    send("5");
    expect(sent).toEqual(["1", "2", "3", "4", "5"]);
    expect(outbox.length).toBe(0);
  });

  test("gives the socket no more than its buffer at once", () => {
    const { outbox, sent, send, stall, drain } = setUp({ socketBufferBytesMax: 10 });
    stall();
    for (const data of ["aaaaaa", "bbbbbb", "cccccc"]) send(data);
    drain();
    expect(sent).toEqual(["aaaaaa", "bbbbbb"]);
    expect([outbox.length, outbox.waitingBytes]).toEqual([1, 6 + ENTRY]);
    drain();
    expect(sent).toHaveLength(3);
  });

  test("[L8] close: what does not fit ends the connection, what fits exactly does not", () => {
    const { outbox, send, stall, overflows } = setUp({ bytesMax: 2 * (10 + ENTRY) });
    stall();
    send("0123456789");
    send("0123456789");
    expect(overflows()).toBe(0);
    expect(outbox.waitingBytes).toBe(2 * (10 + ENTRY));
    send("");
    expect(overflows()).toBe(1);
    expect(outbox.length).toBe(2);
  });

  test("[L8] the bound counts bytes and what each message costs, so many empty ones are bounded too", () => {
    const { outbox, send, stall, overflows } = setUp({ bytesMax: 10 * ENTRY });
    stall();
    for (let index = 0; index < 11; index += 1) send("");
    expect([outbox.length, overflows()]).toEqual([10, 1]);
  });

  test("[L8] drop-oldest: the newest stay, and the connection too", () => {
    const world = setUp({ bytesMax: 3 * (1 + ENTRY) });
    world.stall();
    for (const data of ["1", "2", "3", "4", "5"]) world.send(data, DROP);
    world.drainAll();
    expect(world.sent).toEqual(["3", "4", "5"]);
    expect([world.overflows(), world.dropped]).toEqual([0, ["drop-oldest", "drop-oldest"]]);
  });

  test("[L8] drop-oldest gives way to what must arrive, the oldest first", () => {
    const world = setUp({ bytesMax: 3 * (1 + ENTRY) });
    world.stall();
    for (const data of ["1", "2", "3"]) world.send(data, DROP);
    world.send("R", CLOSE);
    world.drainAll();
    expect(world.sent).toEqual(["2", "3", "R"]);
    expect(world.overflows()).toBe(0);
  });

  test("[L8] drop-oldest: behind nothing but what must arrive the new one is dropped", () => {
    const world = setUp({ bytesMax: 2 * (1 + ENTRY) });
    world.stall();
    for (const data of ["R", "S"]) world.send(data, CLOSE);
    world.send("e", DROP);
    world.drainAll();
    expect(world.sent).toEqual(["R", "S"]);
    expect([world.dropped, world.overflows()]).toEqual([["drop-oldest"], 0]);
  });

  test("[L8] coalesce keeps the latest of a kind, by topic and key, in the place of the latest", () => {
    const world = setUp();
    world.stall();
    world.send("a1", latest("a"), "t");
    world.send("x", CLOSE, "t");
    world.send("b1", latest("b"), "t");
    world.send("a of u", latest("a"), "u");
    world.send("a2", latest("a"), "t");
    world.drainAll();
    expect(world.sent).toEqual(["x", "b1", "a of u", "a2"]);
    expect(world.dropped).toEqual(["coalesce"]);
  });

  test("[L8] coalesce: what is sent already is followed by the latest, not taken back", () => {
    const world = setUp();
    world.stall();
    world.send("a1", latest("a"));
    world.drain();
    world.stall();
    world.send("a2", latest("a"));
    world.send("a3", latest("a"));
    world.drainAll();
    expect(world.sent).toEqual(["a1", "a3"]);
  });

  test("[L8] a peer that never reads costs no more than the bound, however much is dropped or replaced", () => {
    const world = setUp({ bytesMax: 20 * (1 + ENTRY) });
    world.stall();
    world.send("R", CLOSE);
    for (let index = 0; index < 20_000; index += 1) {
      world.send("p", latest(`k${index % 3}`));
      world.send("e", DROP);
    }
    expect(world.outbox.length).toBeLessThanOrEqual(20);
    expect(world.outbox.waitingBytes).toBeLessThanOrEqual(20 * (1 + ENTRY));
    world.drainAll();
    expect(world.sent[0]).toBe("R");
    expect(world.sent.filter((data) => data === "p")).toHaveLength(3);
    expect(world.overflows()).toBe(0);
  });

  test("[L8] what is gone is let go of: a message is compared with those that wait, not with all there ever were", () => {
    const world = setUp({ bytesMax: 20 * (1 + ENTRY) });
    let looks = 0;
    const counted: OutboxPolicy = {
      get policy() {
        looks += 1;
        return "drop-oldest" as const;
      },
    };
    world.stall();
    world.send("R", CLOSE);
    for (let index = 0; index < 5_000; index += 1) world.send("e", counted);
    looks = 0;
    world.send("e", counted);
    expect(looks).toBeLessThan(200);
  });

  test("[S9] purge takes back what waits for one topic and nothing else", () => {
    const world = setUp();
    world.stall();
    for (const [data, topic] of [
      ["1", "t"],
      ["2", "u"],
      ["3", null],
      ["4", "t"],
    ] as const)
      world.send(data, CLOSE, topic);
    world.outbox.purge("t");
    expect([world.outbox.length, world.outbox.waitingBytes]).toEqual([2, 2 * (1 + ENTRY)]);
    world.send("5", CLOSE, "t");
    world.drainAll();
    expect(world.sent).toEqual(["2", "3", "5"]);
  });

  test("calls back when there is room: at once, once everything is out, or when it closes", async () => {
    const world = setUp();
    const told: string[] = [];
    world.outbox.whenRoom(() => told.push("at once"));
    expect(told).toEqual([]);
    await Promise.resolve();
    expect(told).toEqual(["at once"]);
    world.stall();
    world.send("x".repeat(20));
    world.send("y");
    world.outbox.whenRoom(() => told.push("drained"));
    world.drain();
    expect(told).toEqual(["at once"]);
    world.drain();
    expect(told).toEqual(["at once", "drained"]);
    world.stall();
    world.outbox.whenRoom(() => told.push("closed"));
    world.outbox.close();
    expect(told).toEqual(["at once", "drained", "closed"]);
    world.outbox.whenRoom(() => told.push("closed before"));
    await Promise.resolve();
    expect(told.at(-1)).toBe("closed before");
  });

  test("after close it neither keeps nor sends anything", () => {
    const world = setUp();
    world.stall();
    world.send("1");
    world.outbox.close();
    world.send("2");
    world.drain();
    expect([world.sent, world.outbox.length, world.outbox.waitingBytes]).toEqual([[], 0, 0]);
  });

  test("[L8] whatever happens, the bound holds, counts are right and nothing that must arrive is lost or reordered", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("close" as const), size: fc.nat(30), topic: fc.nat(2) }),
      fc.record({ kind: fc.constant("drop" as const), size: fc.nat(30), topic: fc.nat(2) }),
      fc.record({ kind: fc.constant("latest" as const), size: fc.nat(30), topic: fc.nat(2) }),
      fc.record({ kind: fc.constant("stall" as const) }),
      fc.record({ kind: fc.constant("drain" as const) }),
      fc.record({ kind: fc.constant("purge" as const), topic: fc.nat(2) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const bytesMax = 1_000;
        const world = setUp({ bytesMax, socketBufferBytesMax: 50 });
        let expected: { id: number; topic: number }[] = [];
        let id = 0;
        for (const what of steps) {
          if (what.kind === "stall") world.stall();
          else if (what.kind === "drain") world.drain();
          else if (what.kind === "purge") {
            world.outbox.purge(`t${what.topic}`);
            const sent = new Set(world.sent.map((data) => Number.parseInt(data, 10)));
            expected = expected.filter((message) => message.topic !== what.topic || sent.has(message.id));
          } else {
            id += 1;
            const policy = { close: CLOSE, drop: DROP, latest: latest("k") }[what.kind];
            const before = world.overflows();
            world.send(`${id} ${what.kind} ${"x".repeat(what.size)}`, policy, `t${what.topic}`);
            if (what.kind === "close" && world.overflows() === before)
              expected.push({ id, topic: what.topic });
          }
          expect(world.outbox.waitingBytes).toBeLessThanOrEqual(bytesMax);
          expect(world.outbox.waitingBytes).toBeGreaterThanOrEqual(world.outbox.length * ENTRY);
        }
        world.drainAll();
        expect(world.outbox.waitingBytes).toBe(0);
        const ids = world.sent.map((data) => Number.parseInt(data, 10));
        expect(ids).toEqual([...ids].sort((a, b) => a - b));
        const mustArrive = world.sent
          .filter((data) => data.includes(" close "))
          .map((data) => Number.parseInt(data, 10));
        expect(mustArrive).toEqual(expected.map((message) => message.id));
      }),
      { numRuns: 200 },
    );
  });
});
