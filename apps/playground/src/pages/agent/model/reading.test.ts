import { expect, test } from "vitest";
import { type Entry, isAbsent, NOTHING_READ, type Reading, read, type Told } from "./reading.ts";
import { toldBy } from "./session-message.ts";

const at = (offset: number, epoch = "k") => ({ epoch, offset });
const entry = (event: string, payload: unknown, offset: number): Told => {
  const told: Entry = { event, payload };
  return { kind: "event", event: told, position: at(offset) };
};
const partial = (content: string, offset: number) => entry("chunk", { type: "partial", content }, offset);
const readAll = (...told: readonly Told[]): Reading => told.reduce(read, NOTHING_READ);
const contentOf = ({ state }: Reading) => state?.parts[0]?.content;

/** What the server tells of a run that nobody has begun. */
const beginning = (): Told => {
  const told = toldBy({
    type: "agent:snapshot",
    sessionId: "1",
    cursor: "0000000000000000_k",
    ...{ status: "queued", statusText: null, parts: [], tools: [], progress: null, asks: [], cancels: [] },
    ...{ result: null, error: null, producer: null, truncated: false },
  });
  if (!told) throw new Error("The snapshot was not read.");
  return told;
};

test("a snapshot and what follows it are the run so far", () => {
  expect(isAbsent(readAll())).toBe(false);
  expect(isAbsent(readAll(beginning()))).toBe(true);
  const reading = readAll(beginning(), partial("Hello ", 1), partial("world", 2));
  expect(contentOf(reading)).toBe("Hello world");
  expect(reading).toMatchObject({ events: 2, duplicates: 0, gaps: 0, position: at(2), ended: false });
  expect(isAbsent(reading)).toBe(false);
});

test("what comes again is counted and not applied, what is left out is counted", () => {
  const reading = readAll(beginning(), partial("a", 1), partial("a", 1), partial("b", 2), partial("d", 4));
  expect(contentOf(reading)).toBe("abd");
  expect(reading).toMatchObject({ events: 3, duplicates: 1, gaps: 1 });
});

test("after a gap the snapshot says where to go on, also in another log", () => {
  const snapshot: Told = { kind: "snapshot", state: readAll(beginning()).state, position: at(7, "new") };
  const next: Told = { ...partial("z", 8), position: at(8, "new") } as Told;
  const reading = readAll(beginning(), partial("a", 1), { kind: "gap" }, snapshot, next);
  expect(contentOf(reading)).toBe("z");
  expect(reading).toMatchObject({ gaps: 1, duplicates: 0, position: at(8, "new") });
});

test("answers are kept, and the end is the log's close or the word of the wire", () => {
  const answered = readAll(
    beginning(),
    entry("ask", { id: "voice", prompt: "?" }, 1),
    entry("request", { id: "r", kind: "respond", ask: "voice", data: "plainly" }, 2),
    entry("request", { id: "s", kind: "steer", data: "x" }, 3),
  );
  expect(answered.answers).toEqual([{ ask: "voice", data: "plainly", isDeclined: false }]);
  expect(answered.state?.asks).toEqual([]);
  expect(read(answered, entry("close", {}, 4)).ended).toBe(true);
  expect(read(answered, { kind: "end" }).ended).toBe(true);
});

test("the end that a snapshot covers is told once more, and counts as a duplicate only after that", () => {
  const covered = readAll(beginning(), entry("close", {}, 0));
  expect(covered).toMatchObject({ ended: true, duplicates: 0, events: 0 });
  expect(read(covered, entry("close", {}, 0)).duplicates).toBe(1);
});

test("messages of the plain wires are the entries that the native one has", () => {
  const cursor = "0000000000000003_k";
  const message = (type: string, fields: object) => toldBy({ ...fields, type, sessionId: "1", cursor });
  expect(message("agent:partial", { content: "a", part: "p" })).toEqual({
    kind: "event",
    event: { event: "chunk", payload: { type: "partial", content: "a", part: "p" } },
    position: at(3),
  });
  expect(message("agent:input-request", { id: "voice", prompt: "?" })).toMatchObject({
    event: { event: "ask", payload: { id: "voice", prompt: "?" } },
  });
  expect(message("agent:chunk", { value: [1] })).toMatchObject({ event: { event: "chunk", payload: [1] } });
  expect(message("agent:snapshot", { omitted: true })).toEqual({
    kind: "snapshot",
    state: null,
    position: at(3),
  });
  expect(toldBy({ type: "agent:gap", sessionId: "1", reason: "trimmed" })).toBeNull();
  expect(message("transport-policy", {})).toBeNull();
});
