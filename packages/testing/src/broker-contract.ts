import type { Broker } from "@plexline/server";
import { afterEach, describe, expect, test } from "vitest";

/** Nodes on one bus. `settle` resolves when everything published has arrived wherever it goes. */
export interface BrokerUnderTest {
  connect(): Promise<Broker>;
  settle(): Promise<void>;
  cleanup(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (envelope: Uint8Array): string => new TextDecoder().decode(envelope);

/**
 * What the engine relies on in any broker, ours or yours, as a vitest suite. Loss and reordering are allowed to a broker,
 * so nothing here asks for order; on an idle bus it asks for arrival.
 *
 * @example
 * brokerContract("my broker", async () => ({ connect, settle, cleanup }));
 */
export function brokerContract(name: string, open: () => Promise<BrokerUnderTest>): void {
  describe(`${name} keeps the broker contract`, () => {
    const opened: BrokerUnderTest[] = [];
    const start = async () => {
      const bus = await open();
      opened.push(bus);
      return bus;
    };
    const listen = async (broker: Broker, subject: string) => {
      const heard: string[] = [];
      const stop = await broker.subscribe(subject, (envelope) => void heard.push(text(envelope)));
      return { heard, stop };
    };
    afterEach(async () => {
      for (const { cleanup } of opened.splice(0)) await cleanup();
    });

    test("an envelope reaches every other node that subscribes to the subject, once, with its bytes", async () => {
      const bus = await start();
      const [a, b, c] = [await bus.connect(), await bus.connect(), await bus.connect()];
      const atB = await listen(b, "default/board:1");
      const atC = await listen(c, "default/board:1");
      a.publish("default/board:1", bytes("ü 1"));
      await bus.settle();
      expect(atB.heard).toEqual(["ü 1"]);
      expect(atC.heard).toEqual(["ü 1"]);
    });

    test("a node never hears itself", async () => {
      const bus = await start();
      const [a, b] = [await bus.connect(), await bus.connect()];
      const atA = await listen(a, "s");
      const atB = await listen(b, "s");
      a.publish("s", bytes("1"));
      await bus.settle();
      expect(atA.heard).toEqual([]);
      expect(atB.heard).toEqual(["1"]);
    });

    test("subjects are apart, also where one is the beginning of another", async () => {
      const bus = await start();
      const [a, b] = [await bus.connect(), await bus.connect()];
      const board = await listen(b, "t/board:1");
      const longer = await listen(b, "t/board:10");
      const tenant = await listen(b, "u/board:1");
      a.publish("t/board:1", bytes("1"));
      await bus.settle();
      expect([board.heard, longer.heard, tenant.heard]).toEqual([["1"], [], []]);
    });

    test("two receivers of one node each get an envelope, and leave one by one", async () => {
      const bus = await start();
      const [a, b] = [await bus.connect(), await bus.connect()];
      const first = await listen(b, "s");
      const second = await listen(b, "s");
      a.publish("s", bytes("1"));
      await bus.settle();
      first.stop();
      a.publish("s", bytes("2"));
      await bus.settle();
      expect([first.heard, second.heard]).toEqual([["1"], ["1", "2"]]);
    });

    test("after unsubscribing nothing arrives, and unsubscribing twice does nothing", async () => {
      const bus = await start();
      const [a, b] = [await bus.connect(), await bus.connect()];
      const gone = await listen(b, "s");
      gone.stop();
      gone.stop();
      const stays = await listen(b, "s");
      gone.stop();
      a.publish("s", bytes("1"));
      await bus.settle();
      expect([gone.heard, stays.heard]).toEqual([[], ["1"]]);
    });

    test("publishing to nobody does nothing, and nobody who comes later gets it", async () => {
      const bus = await start();
      const [a, b] = [await bus.connect(), await bus.connect()];
      expect(() => a.publish("s", bytes("lost"))).not.toThrow();
      await bus.settle();
      const late = await listen(b, "s");
      await bus.settle();
      expect(late.heard).toEqual([]);
    });

    test("after close a node hears nothing, says nothing and does not throw; the others go on", async () => {
      const bus = await start();
      const [a, b, c] = [await bus.connect(), await bus.connect(), await bus.connect()];
      const atB = await listen(b, "s");
      const atC = await listen(c, "s");
      await b.close();
      expect(() => b.publish("s", bytes("from b"))).not.toThrow();
      a.publish("s", bytes("from a"));
      await bus.settle();
      await b.close();
      expect([atB.heard, atC.heard]).toEqual([[], ["from a"]]);
    });
  });
}
