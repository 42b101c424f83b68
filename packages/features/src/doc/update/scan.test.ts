import { describe, expect, test } from "vitest";
import * as Y from "yjs";
import { LIMITS } from "./limits.fixture.ts";
import { randomDocument } from "./random-documents.fixture.ts";
import { scanUpdate } from "./scan.ts";
import type { SectionScan } from "./update-scan.ts";

const SEEDS = Array.from({ length: 40 }, (_, index) => index + 1);

/** What Yjs itself finds in an update. */
function scanByYjs(update: Uint8Array) {
  const { structs, ds } = Y.decodeUpdate(update);
  const byClient = new Map<number, typeof structs>();
  for (const struct of structs) {
    const own = byClient.get(struct.id.client) ?? [];
    byClient.set(struct.id.client, [...own, struct]);
  }
  const deletions = new Map<number, number[]>();
  for (const [client, items] of ds.clients) deletions.set(client, joined(items));
  return { sections: [...byClient.values()].map(sectionOf), deletions };
}

function sectionOf(structs: ReturnType<typeof Y.decodeUpdate>["structs"]) {
  const first = structs[0]!;
  const last = structs[structs.length - 1]!;
  const skip = structs.findIndex((struct) => struct instanceof Y.Skip);
  const before = skip === -1 ? structs : structs.slice(0, skip);
  const highest = new Map<number, number>();
  const needs: number[] = [];
  const fillers: { clock: number; len: number }[] = [];
  for (const struct of before) {
    const { clock } = struct.id;
    if (!(struct instanceof Y.Item) || struct.content instanceof Y.ContentDeleted)
      fillers.push({ clock, len: struct.length });
    for (const id of referencesOf(struct)) {
      if (id.client === first.id.client || id.clock < (highest.get(id.client) ?? 0)) continue;
      highest.set(id.client, id.clock + 1);
      needs.push(clock, id.client, id.clock + 1);
    }
  }
  const end = before.at(-1);
  return {
    client: first.id.client,
    from: first.id.clock,
    to: end ? end.id.clock + end.length : first.id.clock,
    end: last.id.clock + last.length,
    fillers: joined(fillers),
    needs,
    structs: before.length,
  };
}

function referencesOf(struct: Y.Item | Y.GC | Y.Skip): Y.ID[] {
  if (!(struct instanceof Y.Item)) return [];
  const parent = struct.parent as unknown;
  return [struct.origin, struct.rightOrigin, parent instanceof Y.ID ? parent : null].filter(
    (id) => id !== null,
  );
}

function joined(items: readonly { clock: number; len: number }[]): number[] {
  const ranges: number[] = [];
  for (const { clock, len } of [...items].sort((a, b) => a.clock - b.clock)) {
    if (ranges.length > 0 && clock <= ranges[ranges.length - 1]!)
      ranges[ranges.length - 1] = Math.max(ranges[ranges.length - 1]!, clock + len);
    else ranges.push(clock, clock + len);
  }
  return ranges;
}

function scanWithoutBytes(update: Uint8Array) {
  const { sections, deletions } = scanUpdate(update, LIMITS);
  return { sections: sections.map(withoutBytes), deletions };
}

function withoutBytes({ start: _, stop: __, marks: ___, needs, fillers, ...rest }: SectionScan) {
  return { ...rest, needs: Array.from(needs), fillers: Array.from(fillers) };
}

describe("scanUpdate finds what Yjs finds [DC5]", () => {
  test.each(SEEDS)("in the updates of random documents, seed %i", (seed) => {
    const { events, others, state } = randomDocument(seed);
    const updates = [...events.map((event) => event.bytes), ...others, state];
    for (const update of updates) expect(scanWithoutBytes(update)).toEqual(scanByYjs(update));
  });

  test("the random documents have skips, fillers, pending structs and needs", () => {
    const seen = { skip: 0, filler: 0, needs: 0, deletions: 0, many: 0 };
    for (const seed of SEEDS) {
      const { events, others } = randomDocument(seed);
      for (const update of [...events.map((event) => event.bytes), ...others]) {
        const scan = scanUpdate(update, LIMITS);
        if (scan.sections.some((section) => section.end > section.to)) seen.skip += 1;
        if (scan.sections.some((section) => section.fillers.length > 0)) seen.filler += 1;
        if (scan.sections.some((section) => section.needs.length > 0)) seen.needs += 1;
        if (scan.deletions.size > 0) seen.deletions += 1;
        if (scan.sections.length > 2) seen.many += 1;
      }
    }
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });
});
