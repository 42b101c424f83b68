import { createSeededRandom } from "@plexline/testing";
import { describe, expect, test } from "vitest";
import {
  alternativesTo,
  chooseTransport,
  DEFAULT_TRANSPORT_POLICY,
  isInShare,
  parseTransportPolicy,
  RUN_TRANSPORTS,
  type TransportPolicy,
} from "./transport-policy.ts";

const policy = (change: Partial<TransportPolicy> = {}): TransportPolicy => ({
  ...DEFAULT_TRANSPORT_POLICY,
  ...change,
});
const USERS = 20_000;
const idsOf: Readonly<Record<string, (index: number) => string>> = {
  "that count up": (index) => `user-${index}`,
  "that are random": (index) => createSeededRandom(index).id(12),
  "that are addresses": (index) => `${index}@example.com`,
};

describe("the share of users", () => {
  test.each(Object.keys(idsOf))(
    "is as large as the percentage says, and evenly spread, for ids %s",
    (kind) => {
      const idOf = idsOf[kind]!;
      const users = Array.from({ length: USERS }, (_, index) => idOf(index));
      let before = 0;
      let deviation = 0;
      for (let percent = 5; percent <= 100; percent += 5) {
        const inside = users.filter((user) => isInShare({ percent, salt: "2026" }, user)).length;
        const expected = USERS / 20;
        deviation += (inside - before - expected) ** 2 / expected;
        before = inside;
      }
      expect(before).toBe(USERS);
      // Chi-square with 19 degrees of freedom: beyond 43.8 once in a thousand.
      expect(deviation).toBeLessThan(43.8);
    },
  );

  test("only grows with the percentage, and nobody is in an empty one", () => {
    const random = createSeededRandom(5);
    for (let index = 0; index < 2_000; index += 1) {
      const user = random.id(9);
      const salt = String(random.integer(3));
      const [low, high] = [random.integer(101), random.integer(101)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      expect(isInShare({ percent: 0, salt }, user)).toBe(false);
      expect(isInShare({ percent: 100, salt }, user)).toBe(true);
      if (isInShare({ percent: low, salt }, user))
        expect(isInShare({ percent: high, salt }, user)).toBe(true);
    }
  });

  test("is another one with another salt", () => {
    const users = Array.from({ length: 2_000 }, (_, index) => `user-${index}`);
    const both = users.filter(
      (user) => isInShare({ percent: 50, salt: "a" }, user) && isInShare({ percent: 50, salt: "b" }, user),
    );
    expect(both.length).toBeGreaterThan(400);
    expect(both.length).toBeLessThan(600);
  });
});

describe("the transport of a reader", () => {
  test("is one that the policy allows, whatever anybody wishes", () => {
    for (const only of RUN_TRANSPORTS)
      for (const optIn of [undefined, ...RUN_TRANSPORTS])
        for (const useWebSocket of [undefined, true, false])
          for (const percent of [0, 100])
            expect(
              chooseTransport(policy({ allowed: [only], percent }), { user: "ada", optIn, useWebSocket }),
            ).toBe(only);
  });

  test("is the user's own wish before the application's flag before the share", () => {
    const user = "ada";
    expect(chooseTransport(policy(), { user })).toBe("websocket");
    expect(chooseTransport(policy({ percent: 0 }), { user })).toBe("sse");
    expect(chooseTransport(policy({ percent: 0 }), { user, useWebSocket: true })).toBe("websocket");
    expect(chooseTransport(policy(), { user, useWebSocket: false })).toBe("sse");
    expect(chooseTransport(policy(), { user, useWebSocket: false, optIn: "websocket" })).toBe("websocket");
    expect(chooseTransport(policy(), { user, useWebSocket: true, optIn: "long-poll" })).toBe("long-poll");
  });

  test("is the next best where the preferred one is off", () => {
    expect(chooseTransport(policy({ allowed: ["sse", "long-poll"] }), { user: "ada" })).toBe("sse");
    expect(chooseTransport(policy({ preferred: "sse", allowed: ["websocket"] }), { user: "ada" })).toBe(
      "websocket",
    );
    expect(alternativesTo(policy(), "sse")).toEqual(["long-poll", "websocket"]);
  });
});

describe("a policy that somebody gives", () => {
  test("is taken as it is, without what it does not have", () => {
    const given = { ...policy({ version: 3, allowed: ["sse", "sse"], percent: 12.5, salt: "x" }), more: 1 };
    expect(parseTransportPolicy(given)).toEqual(
      policy({ version: 3, allowed: ["sse"], percent: 12.5, salt: "x" }),
    );
  });

  test.each([
    ["no object", null, /object/],
    ["no version", { version: undefined }, /version/],
    ["a version that is none", { version: 1.5 }, /version/],
    ["nothing that is allowed", { allowed: [] }, /allowed/],
    ["a transport that does not exist", { allowed: ["sse", "pigeon"] }, /allowed/],
    ["another preferred one", { preferred: "pigeon" }, /preferred/],
    ["too large a share", { percent: 101 }, /percent/],
    ["a share that is no number", { percent: Number.NaN }, /percent/],
    ["a salt that is too long", { salt: "x".repeat(65) }, /salt/],
  ])("is refused with %s", (_what, change, message) => {
    const given = change === null ? null : { ...policy(), ...change };
    expect(() => parseTransportPolicy(given)).toThrow(
      expect.objectContaining({ code: "PAYLOAD_INVALID", message: expect.stringMatching(message) }),
    );
  });
});
