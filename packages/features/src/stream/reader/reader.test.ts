import { describe, expect, test } from "vitest";
import { RunWorld } from "./run-world.fixture.ts";

const TRANSPORTS = ["websocket", "sse", "long-poll"] as const;

describe("a reader of a run", () => {
  test.each(TRANSPORTS)(
    "is told a snapshot and each event once over %s, and ends with the run",
    async (only) => {
      const world = new RunWorld();
      world.policy = { ...world.policy, allowed: [only], preferred: only };
      world.partial("before");
      const { reader, told, contents, changes } = world.reader();
      await world.settle(200);
      for (let index = 0; index < 20; index += 1) {
        world.partial(index);
        if (index % 7 === 0) await world.settle(30);
      }
      world.append({ type: "agent:close" });
      await world.settle(200);
      expect(told[0]?.type).toBe("agent:snapshot");
      expect(contents()).toEqual(Array.from({ length: 20 }, (_, index) => index));
      expect(told.at(-1)?.type).toBe("agent:close");
      expect(reader.status.state).toBe("closed");
      expect(reader.transport).toBe(only);
      expect(changes).toEqual([[null, only, null]]);
      expect(world.lines.size).toBe(0);
    },
  );

  test.each(TRANSPORTS)("goes on where it was after %s was cut", async (only) => {
    const world = new RunWorld();
    world.policy = { ...world.policy, allowed: [only], preferred: only };
    const { contents } = world.reader();
    await world.settle(200);
    for (let index = 0; index < 30; index += 1) {
      world.partial(index);
      if (index % 5 === 0) world.cut();
      await world.settle(world.random.integer(60));
    }
    await world.settle(30_000);
    expect(contents()).toEqual(Array.from({ length: 30 }, (_, index) => index));
  });

  test("that comes back with the cursor of a closed run is told that it is over", async () => {
    const world = new RunWorld();
    world.partial(1);
    const cursor = world.append({ type: "agent:close" });
    world.policy = { ...world.policy, allowed: ["sse"], preferred: "sse" };
    const { reader, told } = world.reader({ cursor });
    await world.settle(200);
    expect(told).toEqual([]);
    expect(reader.status.state).toBe("closed");
  });

  test.each(["websocket", "long-poll"] as const)(
    "that comes to a closed run is told its snapshot and its end over %s",
    async (only) => {
      const world = new RunWorld();
      world.policy = { ...world.policy, allowed: [only], preferred: only };
      world.partial(1);
      world.append({ type: "agent:close" });
      const { reader, told } = world.reader();
      await world.settle(200);
      expect(told.map(({ type }) => type)).toEqual(["agent:snapshot", "agent:close"]);
      expect(reader.status.state).toBe("closed");
      expect(world.lines.size).toBe(0);
    },
  );

  test("whose tokens cannot be had for a while waits for one, on the same transport", async () => {
    const world = new RunWorld();
    let asked = 0;
    const { reader, contents, changes } = world.reader({
      token: async () => {
        asked += 1;
        if (asked < 8) throw new TypeError("fetch failed");
        return "ada";
      },
    });
    await world.settle(120_000);
    world.partial(1);
    await world.settle(1_000);
    expect(asked).toBe(8);
    expect(contents()).toEqual([1]);
    expect(reader.status.state).toBe("live");
    expect(changes).toEqual([[null, "websocket", null]]);
  });

  test("is told of a gap, then the snapshot, then what follows", async () => {
    const world = new RunWorld();
    const { told, gaps } = world.reader();
    await world.settle(200);
    world.partial(1);
    await world.settle(200);
    world.isDown = true;
    world.cut();
    world.partial("never told");
    world.trim();
    await world.settle(100);
    world.isDown = false;
    await world.settle(30_000);
    world.partial(2);
    await world.settle(200);
    expect(gaps).toEqual([{ reason: "trimmed" }]);
    expect(told.map(({ type, content }) => content ?? type)).toEqual([
      "agent:snapshot",
      1,
      "agent:snapshot",
      2,
    ]);
  });

  test("of a run that was deleted goes on in the new one", async () => {
    const world = new RunWorld();
    const { contents, gaps } = world.reader();
    await world.settle(200);
    for (let index = 0; index < 5; index += 1) world.partial(`old ${index}`);
    await world.settle(200);
    world.reset();
    await world.settle(2_000);
    world.partial("new");
    await world.settle(200);
    expect(gaps).toEqual([{ reason: "reset" }]);
    expect(contents().at(-1)).toBe("new");
  });

  test("takes nothing from the wire while its iteration is behind, and misses nothing", async () => {
    const world = new RunWorld();
    const { reader } = world.reader({ buffer: { chunksMax: 10 } });
    const iterator = reader[Symbol.asyncIterator]();
    await world.settle(200);
    for (let index = 0; index < 100; index += 1) world.partial(index);
    await world.settle(500);
    expect(reader.status.state).toBe("paused");
    expect(world.lines.size).toBe(0);
    const seen: unknown[] = [];
    while (seen.length < 100) {
      let event: Awaited<ReturnType<typeof iterator.next>> | null = null;
      void iterator.next().then((result) => {
        event = result;
      });
      for (let tries = 0; event === null && tries < 200; tries += 1) await world.settle(10);
      const { value } = event as unknown as { value: { type: string; content: unknown } };
      if (value.type === "agent:partial") seen.push(value.content);
    }
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => index));
  });

  test("that was closed tells nothing more, and ends its iterations", async () => {
    const world = new RunWorld();
    const { reader, told } = world.reader();
    await world.settle(200);
    const next = reader[Symbol.asyncIterator]().next();
    reader.close();
    world.partial(1);
    await world.settle(1_000);
    expect(await next).toEqual({ done: true, value: undefined });
    expect(told.filter(({ type }) => type === "agent:partial")).toEqual([]);
    expect(world.lines.size).toBe(0);
  });
});

describe("the transport", () => {
  test("is handed over in both directions while events flow, and each is told once", async () => {
    const world = new RunWorld();
    const { reader, contents, changes } = world.reader();
    await world.settle(200);
    const all = ["sse", "long-poll", "websocket", "long-poll", "sse", "websocket"] as const;
    let count = 0;
    for (const to of all) {
      const done = reader.switchTo(to);
      let isThere = false;
      void done.then(() => {
        isThere = true;
      });
      for (let tries = 0; !isThere && tries < 500; tries += 1) {
        world.partial(count);
        count += 1;
        await world.settle(5);
      }
      expect(reader.transport).toBe(to);
      expect(world.lines.size).toBeLessThanOrEqual(2);
    }
    await world.settle(1_000);
    expect(contents()).toEqual(Array.from({ length: count }, (_, index) => index));
    expect(changes.map(([, to]) => to)).toEqual(["websocket", ...all]);
    expect(changes.slice(1).every(([, , reason]) => reason === "manual")).toBe(true);
    expect(world.opened.at(-1)?.query.get("from")).toBe("sse");
    expect(world.opened.at(-1)?.query.get("reason")).toBe("manual");
    expect(world.linesMax).toBeLessThanOrEqual(2);
  });

  test("that the policy switches off is left within the grace, without a loss", async () => {
    const world = new RunWorld();
    const { reader, contents, changes } = world.reader();
    await world.settle(200);
    for (let index = 0; index < 400; index += 1) {
      if (index === 50) world.setPolicy({ allowed: ["sse", "long-poll"] });
      if (index === 200) world.setPolicy({ allowed: ["websocket"] });
      world.partial(index);
      await world.settle(10);
    }
    await world.settle(1_000);
    expect(contents()).toEqual(Array.from({ length: 400 }, (_, index) => index));
    expect(changes).toEqual([
      [null, "websocket", null],
      ["websocket", "sse", "policy"],
      ["sse", "websocket", "policy"],
    ]);
    expect(reader.policy.version).toBe(3);
  });

  test("that is switched off before a reader comes is never used", async () => {
    const world = new RunWorld();
    world.policy = { ...world.policy, allowed: ["sse"], version: 9 };
    // It brings a policy that is out of date.
    const { reader, changes } = world.reader({
      policy: { ...world.policy, allowed: ["websocket"], version: 1 },
    });
    await world.settle(3_000);
    expect(reader.transport).toBe("sse");
    expect(changes).toEqual([[null, "sse", null]]);
    expect(reader.policy.version).toBe(9);
  });

  test.each(["blocked", "mute"] as const)(
    "that is %s falls back to the next, and comes back when it works again",
    async (how) => {
      const world = new RunWorld();
      world[how].add("websocket");
      const { reader, contents, changes } = world.reader();
      await world.settle(6_000);
      expect(reader.transport).toBe("sse");
      for (let index = 0; index < 50; index += 1) {
        world.partial(index);
        await world.settle(1_000);
      }
      world[how].clear();
      for (let index = 50; index < 250; index += 1) {
        world.partial(index);
        await world.settle(1_000);
      }
      expect(reader.transport).toBe("websocket");
      expect(contents()).toEqual(Array.from({ length: 250 }, (_, index) => index));
      expect(changes).toEqual([
        [null, "sse", null],
        ["sse", "websocket", "return"],
      ]);
    },
  );

  test("that falls silent is left, and a restart of the server is not a reason to leave it", async () => {
    const world = new RunWorld();
    const { reader, changes, contents } = world.reader();
    await world.settle(200);
    world.isDown = true;
    world.cut();
    await world.settle(300);
    world.isDown = false;
    await world.settle(2_000);
    expect(reader.transport).toBe("websocket");
    expect(changes).toHaveLength(1);
    world.mute.add("websocket");
    // What is open passes nothing on any more either.
    for (const line of world.lines) line.tell = () => {};
    world.partial("while it was silent");
    await world.settle(80_000);
    expect(reader.transport).toBe("sse");
    expect(contents()).toEqual(["while it was silent"]);
  });

  test("is tried again from the wished one on when none has worked", async () => {
    const world = new RunWorld();
    world.isDown = true;
    const { reader } = world.reader();
    await world.settle(20_000);
    expect(reader.status.state).toBe("connecting");
    world.isDown = false;
    await world.settle(20_000);
    expect(reader.status.state).toBe("live");
    expect(world.linesMax).toBeLessThanOrEqual(2);
  });

  test("cannot be switched to what the policy does not allow", async () => {
    const world = new RunWorld();
    world.policy = { ...world.policy, allowed: ["sse"] };
    const { reader } = world.reader();
    await world.settle(200);
    await expect(reader.switchTo("websocket")).rejects.toMatchObject({ code: "OPERATION_UNSUPPORTED" });
    expect(reader.transport).toBe("sse");
  });

  test.each([
    ["the policy's share", {}, "sse"],
    ["the flag", { useWebSocket: true }, "websocket"],
    ["the flag for anything else", { useWebSocket: false }, "sse"],
    ["the user's wish", { useWebSocket: true, optIn: "long-poll" }, "long-poll"],
  ] as const)("is chosen by %s", async (_name, options, expected) => {
    const world = new RunWorld();
    world.policy = { ...world.policy, percent: 0 };
    const { reader } = world.reader(options);
    await world.settle(500);
    expect(reader.transport).toBe(expected);
  });
});

describe("what a client sends", () => {
  test("goes over the WebSocket, else by POST, and is answered", async () => {
    const world = new RunWorld();
    const { reader } = world.reader();
    await world.settle(200);
    const acks = [reader.append({ type: "partial", content: "a" }), reader.cancel("enough")];
    await world.settle(200);
    expect((await Promise.all(acks)).every(({ cursor }) => cursor !== undefined)).toBe(true);
    void reader.switchTo("sse");
    await world.settle(500);
    const more = [reader.steer({ faster: true }), reader.respond("ask-1", "yes")];
    await world.settle(200);
    await Promise.all(more);
    expect(world.received.map(({ over, message }) => [over, message.type])).toEqual([
      ["websocket", "agent:partial"],
      ["websocket", "agent:cancel"],
      ["post", "agent:steer"],
      ["post", "agent:input-response"],
    ]);
  });

  test("is sent again with its id when the answer was lost, over whichever way there is, and taken once", async () => {
    const world = new RunWorld();
    const { reader, contents } = world.reader();
    await world.settle(200);
    world.losesAnswers = true;
    const ack = reader.append({ type: "partial", content: "once" });
    await world.settle(100);
    world.setPolicy({ allowed: ["sse"] }, 100);
    await world.settle(3_000);
    world.losesAnswers = false;
    await world.settle(3_000);
    expect(await ack).toMatchObject({ repeated: true });
    expect(new Set(world.received.map(({ over }) => over))).toEqual(new Set(["websocket", "post"]));
    expect(contents()).toEqual(["once"]);
  });

  test("is rejected when nothing answers, and when too much waits", async () => {
    const world = new RunWorld();
    world.isDown = true;
    const { reader } = world.reader();
    const all = Array.from({ length: 257 }, () => reader.cancel().catch((error) => error.code));
    await world.settle(31_000);
    const codes = await Promise.all(all);
    expect(codes.at(-1)).toBe("QUEUE_FULL");
    expect(new Set(codes.slice(0, -1))).toEqual(new Set(["TIMEOUT"]));
  });
});
