import fc from "fast-check";
import { expect, test } from "vitest";
import { PlexlineError } from "./error.ts";
import type { CallResult, PublishResult, SubscribeResult } from "./message.ts";
import { parseCallResult, parsePublishResult, parseSubscribeResult } from "./parse-result.ts";

const subscribed: SubscribeResult = {
  topic: "board:7",
  alias: 3,
  role: "viewer",
  operations: ["subscribe"],
  position: { epoch: "e", offset: 4 },
  head: 9,
  recovered: true,
  snapshot: { members: [] },
};

test("results of subscribe, publish and call come back as they were", () => {
  expect(parseSubscribeResult(subscribed)).toStrictEqual(subscribed);
  expect(parseSubscribeResult({ ...subscribed, position: null })).toHaveProperty("position", null);
  const published: PublishResult = { position: { epoch: "e", offset: 1 }, repeated: true };
  expect(parsePublishResult(published)).toStrictEqual(published);
  const called: CallResult = { output: null };
  expect(parseCallResult(called)).toStrictEqual(called);
  expect(parseCallResult({})).toStrictEqual({});
});

test("what is wrong is named", () => {
  expect(() => parseSubscribeResult({ ...subscribed, operations: [1] })).toThrow(
    "result.operations[0] must be a string.",
  );
  expect(() => parseSubscribeResult({ ...subscribed, position: { epoch: "e" } })).toThrow(
    "result.position.offset must be an integer",
  );
  expect(() => parsePublishResult({})).toThrow("result.position must be an object.");
  expect(() => parseCallResult({ repeated: "yes" })).toThrow("result.repeated must be true or false.");
});

test("nothing but a PlexlineError escapes", () => {
  const wrong = fc
    .tuple(fc.constantFrom(...Object.keys(subscribed)), fc.anything())
    .map(([key, value]) => ({ ...subscribed, [key]: value }));
  fc.assert(
    fc.property(fc.oneof(fc.anything(), wrong), (value) => {
      for (const parse of [parseSubscribeResult, parsePublishResult, parseCallResult]) {
        try {
          expect(parse(value)).toBeTypeOf("object");
        } catch (error) {
          expect(error).toBeInstanceOf(PlexlineError);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
