import { describe, expect, test } from "vitest";
import type { LogAction, MessageLog, MessageRow } from "./message-log.ts";
import { countUnsaved, emptyLog, ROWS_MAX, reduceLog } from "./message-log.ts";

const ME = "ada-1b2c3d";
const error = { code: "FORBIDDEN", message: "No.", fix: "Ask." } as const;

function after(...actions: readonly LogAction[]): MessageLog {
  return actions.reduce(reduceLog, emptyLog(ME));
}
function sent(key: string): LogAction {
  return { type: "sent", key, text: `text ${key}`, atMs: 1 };
}
function pushed(offset: number, key: string | null = null, user = ME): LogAction {
  return { type: "pushed", text: `text ${key ?? offset}`, user, atMs: 2, offset, key, recovered: false };
}
function acked(key: string, offset: number, epoch = "e1"): LogAction {
  return { type: "acked", key, position: { epoch, offset } };
}
const joined: LogAction = { type: "subscribed", position: { epoch: "e1", offset: 0 } };

/** `offset state` of each message, `kind offset` of each notice. */
function shown(log: MessageLog): string[] {
  return log.rows.map((row) =>
    row.kind === "message" ? `${row.key ?? "-"} ${row.offset} ${row.state}` : `${row.kind} ${row.offset}`,
  );
}

describe("own messages", () => {
  test("are shown at once, as sending", () => {
    expect(shown(after(joined, sent("k1")))).toEqual(["k1 null sending"]);
  });

  test.each([
    ["push, then ack", [pushed(1, "k1"), acked("k1", 1)]],
    ["ack, then push", [acked("k1", 1), pushed(1, "k1")]],
    ["ack alone", [acked("k1", 1)]],
    ["push alone", [pushed(1, "k1")]],
    ["push, then the same push again", [pushed(1, "k1"), pushed(1, "k1")]],
  ])("are shown once and saved after %s", (_name, actions) => {
    expect(shown(after(joined, sent("k1"), ...actions))).toEqual(["k1 1 saved"]);
  });

  test("keep the row's id when the push replaces the optimistic row", () => {
    const before = after(joined, sent("k1"));
    expect(reduceLog(before, pushed(1, "k1")).rows[0]?.id).toBe(before.rows[0]?.id);
  });

  test("wait below what others said meanwhile, and take the place that the log gives them", () => {
    const waiting = after(joined, sent("k1"), pushed(1, "o1", "alan-000000"));
    expect(shown(waiting)).toEqual(["o1 1 saved", "k1 null sending"]);
    const saved = [pushed(3, "o3", "alan-000000"), pushed(2, "k1")].reduce(reduceLog, waiting);
    expect(shown(saved)).toEqual(["o1 1 saved", "k1 2 saved", "o3 3 saved"]);
  });

  test("are not replaced by somebody else's publication with the same key", () => {
    expect(shown(after(joined, sent("k1"), pushed(1, "k1", "eve-666666")))).toEqual([
      "k1 1 saved",
      "k1 null sending",
    ]);
  });

  test("keep the reason when refused, and lose it when sent again", () => {
    const refused = after(joined, sent("k1"), { type: "refused", key: "k1", error });
    expect((refused.rows[0] as MessageRow).error).toEqual(error);
    expect(countUnsaved(refused)).toEqual({ sending: 0, failed: 1 });
    const again = reduceLog(refused, { type: "retried", key: "k1" });
    expect(again.rows[0]).toMatchObject({ state: "sending", error: null });
    expect(countUnsaved(again)).toEqual({ sending: 1, failed: 0 });
  });

  test("stay saved when a late error contradicts the push", () => {
    expect(shown(after(joined, sent("k1"), pushed(1, "k1"), { type: "refused", key: "k1", error }))).toEqual([
      "k1 1 saved",
    ]);
  });

  test("can be discarded only after they failed", () => {
    const discard: LogAction = { type: "discarded", key: "k1" };
    expect(shown(after(joined, sent("k1"), discard))).toEqual(["k1 null sending"]);
    expect(shown(after(joined, sent("k1"), { type: "refused", key: "k1", error }, discard))).toEqual([]);
  });
});

describe("the log's order", () => {
  test("is by offset, however they arrive", () => {
    expect(shown(after(joined, pushed(3), pushed(1), pushed(2)))).toEqual([
      "- 1 saved",
      "- 2 saved",
      "- 3 saved",
    ]);
  });

  test("starts with a notice when the first subscribe begins after the first entry", () => {
    const log = after({ type: "subscribed", position: { epoch: "e1", offset: 4 } }, pushed(5));
    expect(shown(log)).toEqual(["start 4", "- 5 saved"]);
    expect(shown(reduceLog(log, { type: "subscribed", position: { epoch: "e1", offset: 5 } }))).toEqual(
      shown(log),
    );
  });

  test("shows a gap between what came before and what follows it, once", () => {
    const missed: LogAction = { type: "gap", position: { epoch: "e1", offset: 7 }, reason: "trimmed" };
    expect(shown(after(joined, pushed(1), missed, missed, pushed(8)))).toEqual([
      "- 1 saved",
      "gap 7",
      "- 8 saved",
    ]);
  });

  test("puts a new epoch after the old one, although its offsets start again", () => {
    const reset: LogAction = { type: "gap", position: { epoch: "e2", offset: 0 }, reason: "reset" };
    expect(shown(after(joined, pushed(1), pushed(2), reset, pushed(1, "n1")))).toEqual([
      "- 1 saved",
      "- 2 saved",
      "gap 0",
      "n1 1 saved",
    ]);
  });

  test("does not take an offset of another epoch for one of this", () => {
    expect(shown(after(joined, pushed(1), sent("k1"), acked("k1", 1, "e0")))).toEqual([
      "- 1 saved",
      "k1 null saved",
    ]);
  });
});

test("the oldest rows go when there are too many, but none that waits for its ack", () => {
  const many = Array.from({ length: ROWS_MAX + 20 }, (_, index) => pushed(index + 1));
  const log = after(joined, sent("k1"), ...many);
  expect(log.rows).toHaveLength(ROWS_MAX);
  expect(log.rows[0]).toMatchObject({ offset: 22 });
  expect(log.rows.at(-1)).toMatchObject({ key: "k1", state: "sending" });
});
