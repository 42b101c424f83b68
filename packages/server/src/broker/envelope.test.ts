import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeEnvelope, type Envelope, encodeEnvelope } from "./envelope.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("an envelope", () => {
  test.each<[string, Envelope]>([
    ["a head", { kind: "head", position: { epoch: "e", offset: 7 } }],
    [
      "a push",
      {
        kind: "relay",
        message: { type: "push", topic: "t", event: "e", payload: { x: [1, null, "ü"] } },
        outbox: { policy: "drop-oldest" },
      },
    ],
    [
      "a push without payload",
      {
        kind: "relay",
        message: { type: "push", topic: "t", event: "e" },
        outbox: { policy: "coalesce", key: "k" },
      },
    ],
    [
      "presence",
      {
        kind: "relay",
        message: {
          type: "presence-diff",
          topic: "t",
          joins: [{ id: "s", user: "u", state: null }],
          updates: [],
          leaves: [],
        },
        outbox: { policy: "close" },
      },
    ],
  ])("comes back as it was: %s", (_name, envelope) => {
    expect(decodeEnvelope(encodeEnvelope(envelope))).toEqual(envelope);
  });

  test("binary payloads come back as bytes", () => {
    const payload = Uint8Array.of(0, 255, 128);
    const envelope = decodeEnvelope(
      encodeEnvelope({ kind: "relay", message: { alias: 3, kind: 9, payload }, outbox: { policy: "close" } }),
    );
    expect(envelope).toMatchObject({ kind: "relay", message: { alias: 3, kind: 9 } });
    const back = (envelope as Extract<Envelope, { kind: "relay" }>).message as { payload: Uint8Array };
    expect([...back.payload]).toEqual([...payload]);
  });

  test.each([
    "",
    "null",
    "[]",
    "7",
    '"head"',
    "{}",
    '{"kind":"other"}',
    '{"kind":"head"}',
    '{"kind":"head","position":null}',
    '{"kind":"head","position":{"epoch":1,"offset":1}}',
    '{"kind":"head","position":{"epoch":"e","offset":1.5}}',
    '{"kind":"head","position":{"epoch":"e","offset":"1"}}',
    '{"kind":"head","position":{"epoch":"e","offset":-1}}',
    '{"kind":"relay"}',
    '{"kind":"relay","message":null}',
    '{"kind":"relay","message":7}',
    '{"kind":"relay","message":[]}',
    '{"kind":"relay","message":{}}',
    '{"kind":"relay","message":{"payload":null}}',
    '{"kind":"relay","message":{"alias":1,"kind":1,"payload":{"$binary":7}}}',
    '{"kind":"relay","message":{"type":7}}',
    '{"kind":"relay","message":{"type":"push"},"outbox":{"policy":"other"}}',
    '{"kind":"relay","message":{"type":"push"},"outbox":7}',
    '{"kind":"relay","message":{"type":"push"},"outbox":{"policy":"coalesce"}}',
    "{".repeat(100_000),
  ])("is null for what is none: %s", (text) => {
    expect(decodeEnvelope(bytes(text))).toBeNull();
  });

  test("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => void decodeEnvelope(garbage)),
      { numRuns: 500 },
    );
    const json = fc.oneof(
      fc.json(),
      fc
        .record({
          kind: fc.constantFrom("head", "relay"),
          message: fc.jsonValue(),
          position: fc.jsonValue(),
          outbox: fc.jsonValue(),
        })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(json, (text) => {
        const envelope = decodeEnvelope(bytes(text));
        if (envelope !== null) expect(["head", "relay"]).toContain(envelope.kind);
      }),
      { numRuns: 1_000 },
    );
  });

  test("a damaged envelope never throws", () => {
    const whole = encodeEnvelope({
      kind: "relay",
      message: { alias: 1, kind: 2, payload: Uint8Array.of(1, 2, 3) },
      outbox: { policy: "coalesce", key: "k" },
    });
    for (let index = 0; index < whole.length; index += 1) {
      const damaged = Uint8Array.from(whole);
      damaged[index] = (damaged[index]! + 1) % 256;
      expect(() => decodeEnvelope(damaged)).not.toThrow();
      expect(() => decodeEnvelope(whole.subarray(0, index))).not.toThrow();
    }
  });
});
