import fc from "fast-check";
import { expect, test } from "vitest";
import { Awareness, applyAwarenessUpdate } from "y-protocols/awareness";
import * as Y from "yjs";
import { type AwarenessEntry, isState, writeAwareness } from "./codec.ts";
import { createAwarenessTable } from "./table.ts";

const USERS = ["ada", "bob"] as const;
const IDS_MAX = 2;

const operation = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant("enter"), session: fc.nat(5) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("send"),
      session: fc.nat(5),
      entries: fc.array(
        fc.record({ client: fc.nat(4), clock: fc.integer({ min: 1, max: 8 }), isNull: fc.boolean() }),
        { maxLength: 3 },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("clear"), session: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("leave"), session: fc.nat(5) }) },
);

/** The rules about ids, said once more and slowly: every id has had one user, and one clock that only rises. */
function createModel() {
  const users = new Map<number, string>();
  const clocks = new Map<number, number>();
  return {
    onChange(user: string, { client, clock, state }: AwarenessEntry) {
      expect(users.get(client) ?? user).toBe(user);
      users.set(client, user);
      const known = clocks.get(client) ?? 0;
      if (state === null) expect(clock).toBeGreaterThanOrEqual(known);
      else expect(clock).toBeGreaterThan(known);
      clocks.set(client, clock);
    },
  };
}

test("[DC13, DC14, DC15, DC16] whatever is sent, those who are told the changes see what the table has", () => {
  const observer = new Awareness(new Y.Doc());
  observer.setLocalState(null);
  try {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const table = createAwarenessTable({ bytesMax: 100, idsMax: IDS_MAX, isState });
        const model = createModel();
        const present = new Set<string>();
        observer.states.clear();
        observer.meta.clear();
        for (const step of operations) {
          const session = `s${step.session}`;
          const user = USERS[step.session % 2]!;
          let changes: readonly AwarenessEntry[] = [];
          if (step.type === "enter") {
            present.add(session);
            table.enter(session, user);
          } else if (step.type === "clear") changes = table.clear(session, 0);
          else if (step.type === "leave") {
            present.delete(session);
            changes = table.leave(session, 0);
          } else if ("entries" in step) {
            const entries = step.entries.map(({ client, clock, isNull }) => ({
              client,
              clock,
              state: isNull ? null : new TextEncoder().encode(JSON.stringify({ session, clock })),
            }));
            const received = table.receive(session, entries, 0);
            changes = received.changes;
            if (!present.has(session)) expect(changes).toEqual([]);
            for (const answer of received.answers) expect(answer.state).toBeNull();
          }
          for (const change of changes) {
            model.onChange(user, change);
            applyAwarenessUpdate(observer, writeAwareness([change]), null);
          }
          const shown = table.states().map(({ client, state }) => [client, new TextDecoder().decode(state!)]);
          const seen = [...observer.states].map(([client, state]) => [client, JSON.stringify(state)]);
          expect(seen.sort()).toEqual(shown.sort());
          expect(shown.length).toBeLessThanOrEqual(present.size * IDS_MAX);
        }
        for (const session of present) table.leave(session, 0);
        expect(table.states()).toEqual([]);
      }),
      { seed: 11, numRuns: 500 },
    );
  } finally {
    observer.destroy();
  }
});
