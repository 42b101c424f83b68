import { describe, expect, test } from "vitest";
import { DEFAULT_STEPS_LIMITS } from "./options.ts";
import { guardSteps } from "./step-guard.ts";

const LIMITS = {
  ...DEFAULT_STEPS_LIMITS,
  submitStepsMax: 3,
  stepBytesMax: 100,
  submitBytesMax: 150,
  depthMax: 4,
};
const step = (fields: Readonly<Record<string, unknown>> = {}) => ({
  stepType: "replace",
  from: 1,
  to: 2,
  ...fields,
});
const guard = (steps: unknown) => guardSteps(steps, LIMITS);
const codeOf = (steps: unknown): string => {
  try {
    guard(steps);
    return "taken";
  } catch (error) {
    return (error as { code: string }).code;
  }
};
/** A step whose JSON has so many bytes. */
const stepOfBytes = (bytes: number) => {
  const empty = JSON.stringify({ stepType: "x", t: "" }).length;
  return { stepType: "x", t: "y".repeat(bytes - empty) };
};

describe("the guard of steps", () => {
  test("[SP12] takes steps as ProseMirror writes them, with their text", () => {
    const steps = [
      step({ slice: { content: [{ type: "text" }] } }),
      { stepType: "addMark", mark: { type: "strong" }, on: true, off: null, at: -1.5 },
    ];
    expect(guardSteps(steps, DEFAULT_STEPS_LIMITS)).toEqual(
      steps.map((each) => ({ step: each, json: JSON.stringify(each) })),
    );
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["no array", { 0: step(), length: 1 }],
    ["no steps", []],
    ["one step too many", [step(), step(), step(), step()]],
    ["a hole", new Array(1)],
    ["a string", ["replace"]],
    ["an array for a step", [[]]],
    ["no stepType", [{ from: 1 }]],
    ["an empty stepType", [{ stepType: "" }]],
    ["a stepType that is no string", [{ stepType: 1 }]],
    ["a long stepType", [{ stepType: "x".repeat(65) }]],
    ["undefined", [step({ a: undefined })]],
    ["a function", [step({ a: () => 1 })]],
    ["a bigint", [step({ a: 1n })]],
    ["NaN", [step({ a: Number.NaN })]],
    ["a date", [step({ a: new Date(0) })]],
    ["an inherited stepType", [Object.create({ stepType: "replace" })]],
    ["a hole in content", [step({ a: new Array(1) })]],
    ["__proto__", [JSON.parse('{"stepType":"x","a":{"__proto__":{}}}')]],
    ["constructor", [step({ constructor: 1 })]],
    ["prototype", [step({ a: [{ prototype: 1 }] })]],
  ])("[SP12] refuses %s", (_, steps) => {
    expect(codeOf(steps)).toBe("PAYLOAD_INVALID");
  });

  test("[SP12] names the step that does not fit", () => {
    expect(() => guard([step(), { from: 1 }])).toThrow("steps[1].stepType");
  });

  test("[SP12] takes as many steps, bytes and levels as the limits say, and no more", () => {
    expect(codeOf([step(), step(), step()])).toBe("taken");
    expect([codeOf([stepOfBytes(100)]), codeOf([stepOfBytes(101)])]).toEqual(["taken", "MESSAGE_TOO_LARGE"]);
    expect(codeOf([stepOfBytes(100), stepOfBytes(50)])).toBe("taken");
    expect(codeOf([stepOfBytes(100), stepOfBytes(51)])).toBe("MESSAGE_TOO_LARGE");
    expect(codeOf([step({ a: [[[1]]] })])).toBe("taken");
    expect([codeOf([step({ a: [[[[]]]] })]), codeOf([step({ a: [[[{}]]] })])]).toEqual([
      "JSON_TOO_DEEP",
      "JSON_TOO_DEEP",
    ]);
  });

  test("[SP12] counts bytes, not characters", () => {
    expect(codeOf([{ stepType: "x", t: "ü".repeat(50) }])).toBe("MESSAGE_TOO_LARGE");
  });

  test("[SP12] survives what refers to itself", () => {
    const loop: Record<string, unknown> = step();
    loop.self = loop;
    expect(codeOf([loop])).toBe("JSON_TOO_DEEP");
  });
});
