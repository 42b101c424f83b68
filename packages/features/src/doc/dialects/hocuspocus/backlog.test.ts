import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { HocuspocusBacklog } from "./backlog.ts";

/** The updates of a client that types each text in turn. */
function typed(clientId: number, ...texts: string[]): Uint8Array[] {
  const ydoc = new Y.Doc();
  ydoc.clientID = clientId;
  const updates: Uint8Array[] = [];
  ydoc.on("update", (update) => updates.push(update));
  for (const text of texts) ydoc.getText("text").insert(0, text);
  return updates;
}

const [before, after] = typed(1, "before", "after") as [Uint8Array, Uint8Array];
const [foreign] = typed(2, "foreign") as [Uint8Array];
const backlog = new HocuspocusBacklog(Y.encodeStateVectorFromUpdate(before));

describe("the backlog of a sync", () => {
  test("[HP11] may hold what begins within the state vector, and nothing that begins after it", () => {
    expect(backlog.mayHold(before)).toBe(true);
    expect(backlog.mayHold(Y.mergeUpdates([before, after]))).toBe(true);
    expect(backlog.mayHold(Y.mergeUpdates([before, foreign]))).toBe(true);
    expect(backlog.mayHold(after)).toBe(false);
    expect(backlog.mayHold(foreign)).toBe(false);
  });

  test("[HP11] may hold what cannot be told: deletions alone, and a long update", () => {
    const ydoc = new Y.Doc();
    Y.applyUpdate(ydoc, before);
    const updates: Uint8Array[] = [];
    ydoc.on("update", (update) => updates.push(update));
    ydoc.getText("text").delete(0, 1);
    expect(backlog.mayHold(updates[0]!)).toBe(true);
    const [short, long] = [typed(3, "x".repeat(60_000)), typed(3, "x".repeat(70_000))];
    expect([backlog.mayHold(short[0]!), backlog.mayHold(long[0]!)]).toEqual([false, true]);
  });

  test("holds nothing of a client that had nothing, nor bytes that the room will refuse", () => {
    for (const vector of [Uint8Array.of(0), Uint8Array.of(9, 9)]) {
      const nothing = new HocuspocusBacklog(vector);
      expect(nothing.mayHold(before)).toBe(false);
      expect(nothing.mayHold(Uint8Array.of(0, 0))).toBe(false);
      expect(nothing.mayHold(typed(3, "x".repeat(70_000))[0]!)).toBe(false);
    }
    expect(backlog.mayHold(Uint8Array.of(9, 9, 9))).toBe(false);
  });
});
