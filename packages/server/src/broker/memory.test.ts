import { brokerContract } from "@plexline/testing/contracts";
import { describe, expect, test } from "vitest";
import { createMemoryBroker, createMemoryBus } from "./memory.ts";

brokerContract("the memory bus", async () => {
  const bus = createMemoryBus();
  return {
    connect: async () => bus.connect(),
    settle: () => new Promise((resolve) => setImmediate(resolve)),
    cleanup: async () => {},
  };
});

describe("the memory bus", () => {
  test("tells whether anybody else could hear", async () => {
    const bus = createMemoryBus();
    const a = bus.connect();
    expect([a.hasPeers?.(), createMemoryBroker().hasPeers?.()]).toEqual([false, false]);
    const b = bus.connect();
    expect([a.hasPeers?.(), b.hasPeers?.()]).toEqual([true, true]);
    await b.close();
    expect(a.hasPeers?.()).toBe(false);
  });

  test("lets a test decide when, in which order and whether an envelope arrives", async () => {
    const arrivals: (() => void)[] = [];
    const bus = createMemoryBus((arrive) => arrivals.push(arrive));
    const [a, b] = [bus.connect(), bus.connect()];
    const heard: number[] = [];
    const stop = await b.subscribe("s", ([byte]) => void heard.push(byte!));
    for (const byte of [1, 2, 3]) a.publish("s", Uint8Array.of(byte));
    expect(heard).toEqual([]);
    arrivals[2]?.();
    arrivals[0]?.();
    expect(heard).toEqual([3, 1]);
    stop();
    arrivals[1]?.();
    expect(heard).toEqual([3, 1]);
  });

  test("one node alone hears nobody", async () => {
    const broker = createMemoryBroker();
    let heard = 0;
    await broker.subscribe("s", () => {
      heard += 1;
    });
    broker.publish("s", Uint8Array.of(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard).toBe(0);
  });
});
