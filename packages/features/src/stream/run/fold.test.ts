import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FoldEvent } from "../options.ts";
import { FOLD_TEXT_MAX, type RunState, runFold } from "./fold.ts";

/** Entries of a log: chunks, or the event and the payload of anything else. */
const entries = (...events: readonly unknown[]): FoldEvent[] =>
  events.map((each, index) => {
    const [event, payload] = Array.isArray(each) ? (each as [string, unknown]) : ["chunk", each];
    return { event, payload, offset: index + 1, atMs: 0 };
  });
const fold = (events: readonly FoldEvent[], from: RunState = runFold.initial()): RunState =>
  events.reduce((state, event) => runFold.apply(state, event), from);
const folded = (...events: Parameters<typeof entries>) => fold(entries(...events));
const partial = (content: string, part?: string) => ({ type: "partial", content, ...(part ? { part } : {}) });
const contents = ({ parts }: RunState) => parts.map(({ part, content }) => [part, content]);

describe("the fold of a run", () => {
  test("[RN1] text is appended to its part, tools are replaced by id, status and progress are replaced", () => {
    const state = folded(
      { type: "status", status: "running", text: "go" },
      partial("Hello "),
      partial("x", "b"),
      partial("world"),
      { type: "tool", id: "t1", name: "search", state: "called", input: { q: 1 } },
      { type: "tool", id: "t2", name: "read", state: "called" },
      { type: "tool", id: "t1", name: "search", state: "done", output: 7 },
      { type: "progress", done: 1, total: 3 },
      { type: "progress", done: 2, total: 3 },
      { type: "custom", anything: 1 },
      { type: "partial", content: 5 },
    );
    expect(state).toMatchObject({ status: "running", statusText: "go", progress: { done: 2, total: 3 } });
    expect(contents(state)).toEqual([
      ["", "Hello world"],
      ["b", "x"],
    ]);
    expect(state.tools).toEqual([
      { id: "t1", name: "search", state: "done", output: 7 },
      { id: "t2", name: "read", state: "called" },
    ]);
  });

  test("[RN1] reset voids what came since the last status, or a part", () => {
    const before = [
      partial("kept"),
      { type: "status", status: "running" },
      partial(" void"),
      partial("new", "b"),
    ];
    expect(contents(folded(...before, { type: "reset" }, partial("!")))).toEqual([["", "kept!"]]);
    expect(contents(folded(...before, { type: "reset", part: "b" }))).toEqual([["", "kept void"]]);
  });

  test("[RN2] the end of a run is its status", () => {
    expect(folded({ type: "done", result: { a: 1 } })).toMatchObject({ status: "done", result: { a: 1 } });
    expect(folded({ type: "error", message: "no", code: "E" })).toMatchObject({
      status: "failed",
      error: { message: "no", code: "E" },
    });
    const cancel = ["request", { id: "c", kind: "cancel" }] as const;
    const status = (outcome: string) =>
      folded({ type: "status", status: "running" }, cancel, ["outcome", { request: "c", status: outcome }])
        .status;
    expect([status("done"), status("refused")]).toEqual(["cancelled", "running"]);
    const steer = ["request", { id: "c", kind: "steer" }] as const;
    expect(folded(steer, ["outcome", { request: "c", status: "done" }]).status).toBe("queued");
  });

  test("[RN2] input requests stay until they are answered, and the producer's state is the last one", () => {
    const ask = ["ask", { id: "a", prompt: 1 }] as const;
    expect(folded(ask).asks).toEqual([{ id: "a", prompt: 1 }]);
    expect(folded(ask, ["request", { id: "r", kind: "respond", ask: "a", data: 1 }]).asks).toEqual([]);
    expect(folded(ask, ["close", {}]).asks).toEqual([]);
    const lost = ["producer", { producer: "p", generation: 0, state: "lost" }] as const;
    expect(folded(lost).producer).toBe("lost");
  });

  test("[RN3] contents beyond the limit keep their end", () => {
    const state = folded(partial("a".repeat(FOLD_TEXT_MAX)), partial("b".repeat(10), "b"), partial("😀"));
    expect(state.truncated).toBe(true);
    expect(state.parts.reduce((sum, { content }) => sum + content.length, 0)).toBe(FOLD_TEXT_MAX);
    expect(state.parts[0]?.content.endsWith("a😀")).toBe(true);
    const halved = folded(partial("😀"), partial("x".repeat(FOLD_TEXT_MAX - 1)));
    expect(halved.parts[0]?.content).toBe("x".repeat(FOLD_TEXT_MAX - 1));
    const many = folded(...Array.from({ length: 1_000 }, (_, index) => partial("x", `p${index}`)));
    expect([many.parts.length, many.parts.at(-1)?.part, many.truncated]).toEqual([256, "p999", true]);
  });

  test("[RN4] a fold and what follows it give the fold of all, also over JSON, and none is changed by it", () => {
    fc.assert(
      fc.property(fc.array(entryArbitrary, { maxLength: 60 }), fc.nat(60), (events, at) => {
        const prefix = deepFreeze(fold(events.slice(0, at)));
        const all = fold(events);
        expect(fold(events.slice(at), prefix)).toStrictEqual(all);
        const stored = JSON.parse(JSON.stringify(prefix)) as RunState;
        expect(stored).toStrictEqual(prefix);
        expect(fold(events.slice(at), stored)).toStrictEqual(all);
      }),
      { numRuns: 300 },
    );
  });
});

const word = fc.constantFrom("a", "b", "c");
const chunk = fc.oneof(
  fc.record({ type: fc.constant("status"), status: word }),
  fc.record({ type: fc.constant("partial"), content: fc.string(), part: word }),
  fc.record({
    type: fc.constant("partial"),
    content: fc.nat(FOLD_TEXT_MAX).map((length) => "😀".repeat(length / 2)),
  }),
  fc.record({ type: fc.constant("tool"), id: word, name: word, state: fc.constantFrom("called", "done") }),
  fc.record({ type: fc.constant("progress"), done: fc.nat() }),
  fc.record({ type: fc.constant("done"), result: fc.jsonValue() }),
  fc.record({ type: fc.constant("error"), message: word }),
  fc.constant({ type: "reset" }),
  fc.record({ type: fc.constant("reset"), part: word }),
  fc.jsonValue(),
);
const entryArbitrary: fc.Arbitrary<FoldEvent> = fc
  .oneof(
    { weight: 6, arbitrary: chunk.map((payload) => ({ event: "chunk", payload })) },
    fc.record({ event: fc.constant("ask"), payload: fc.record({ id: word, prompt: fc.constant(1) }) }),
    fc.record({
      event: fc.constant("request"),
      payload: fc.record({ id: word, kind: fc.constant("cancel") }),
    }),
    fc.record({
      event: fc.constant("request"),
      payload: fc.record({ id: word, kind: fc.constant("respond"), ask: word }),
    }),
    fc.record({
      event: fc.constant("outcome"),
      payload: fc.record({ request: word, status: fc.constantFrom("done", "refused") }),
    }),
    fc.constant({ event: "close", payload: {} }),
  )
  .map((entry) => JSON.parse(JSON.stringify({ ...entry, offset: 1, atMs: 0 })) as FoldEvent);

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === "object" && value !== null)
    for (const item of Object.values(Object.freeze(value))) deepFreeze(item);
  return value;
}
