import { describe, expect, test } from "vitest";
import { LABEL_SETS_MAX } from "./instrument.ts";
import { METRICS } from "./metrics.ts";
import { createMetrics } from "./prometheus.ts";

const LINE = /^[a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})? (?:-?[\d.e+-]+|NaN|[+-]Inf)$/;

describe("createMetrics", () => {
  test("every metric of the table has its help and type in the text, under the prefix", async () => {
    const text = await createMetrics({ defaultMetrics: false }).text();
    for (const { name, type, help } of Object.values(METRICS)) {
      expect(text).toContain(`# HELP plexline_${name} ${help}\n# TYPE plexline_${name} ${type}\n`);
    }
  });

  test("counters and gauges show what was added and set", async () => {
    const metrics = createMetrics({ defaultMetrics: false });
    metrics.engine.connects.add();
    metrics.engine.connects.add(2);
    metrics.engine.closes.with({ code: "1000" }).add();
    metrics.engine.closes.with({ code: "4401" }).add(3);
    metrics.engine.connections.with({ protocol: "native" }).set(5);
    metrics.engine.connections.with({ protocol: "native" }).add(-1);
    metrics.engine.publications.with({ feature: "channel", family: "logged" }).add();
    const text = await metrics.text();
    expect(text).toContain("\nplexline_connects_total 3\n");
    expect(text).toContain('\nplexline_closes_total{code="1000"} 1\n');
    expect(text).toContain('\nplexline_closes_total{code="4401"} 3\n');
    expect(text).toContain('\nplexline_connections{protocol="native"} 4\n');
    expect(text).toContain('\nplexline_publications_total{feature="channel",family="logged"} 1\n');
  });

  test("histograms count each value in every bucket it fits, with sum and count", async () => {
    const metrics = createMetrics({ defaultMetrics: false });
    const sizes = metrics.histogram({ name: "sizes", help: "Sizes.", buckets: [1, 10], labels: ["kind"] });
    for (const value of [0.5, 1, 7, 100]) sizes.with({ kind: "a" }).observe(value);
    expect(await metrics.text()).toContain(
      [
        'plexline_sizes_bucket{kind="a",le="1"} 2',
        'plexline_sizes_bucket{kind="a",le="10"} 3',
        'plexline_sizes_bucket{kind="a",le="+Inf"} 4',
        'plexline_sizes_sum{kind="a"} 108.5',
        'plexline_sizes_count{kind="a"} 4',
      ].join("\n"),
    );
  });

  test("hostile label values stay inside their quotes", async () => {
    const metrics = createMetrics({ defaultMetrics: false });
    metrics.engine.messagesIn.with({ type: 'a"} 1\nforged 2\\' }).add();
    const lines = (await metrics.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of lines) expect(line).toMatch(LINE);
    expect(lines.some((line) => line.startsWith("forged"))).toBe(false);
  });

  test("label sets are bounded: the rest is counted together", async () => {
    const metrics = createMetrics({ defaultMetrics: false });
    for (let code = 0; code < LABEL_SETS_MAX + 100; code++)
      metrics.engine.closes.with({ code: `${code}` }).add();
    expect([...metrics.engine.closes.instruments]).toHaveLength(LABEL_SETS_MAX + 1);
    expect(await metrics.text()).toContain('plexline_closes_total{code="other"} 100\n');
  });

  test("the same label values give the same instrument", () => {
    const { gaps } = createMetrics({ defaultMetrics: false }).engine;
    expect(gaps.with({ reason: "trimmed" })).toBe(gaps.with({ reason: "trimmed" }));
  });

  test("gauges may be set when a scrape begins", async () => {
    const metrics = createMetrics({ defaultMetrics: false });
    const rooms = metrics.gauge({ name: "rooms", help: "Rooms." });
    metrics.onScrape(() => rooms.set(7));
    expect(await metrics.text()).toContain("\nplexline_rooms 7\n");
  });

  test("a name that is taken or malformed is refused", () => {
    const metrics = createMetrics();
    const taken = { name: "connects_total", help: "Again." };
    expect(() => metrics.counter(taken)).toThrow("registered twice");
    expect(() => metrics.gauge({ name: "nodejs_eventloop_lag_seconds", help: "Again." })).toThrow(
      "registered twice",
    );
    expect(() => metrics.counter({ name: "Bad-Name", help: "" })).toThrow("no metric or label name");
    expect(() => metrics.histogram({ name: "h", help: "", buckets: [2, 1] })).toThrow("must rise");
  });

  test("the process is reported by default, event loop delay included, and two servers do not meet", async () => {
    const [one, two] = [createMetrics(), createMetrics()];
    one.engine.connects.add();
    expect(await one.text()).toContain("plexline_nodejs_eventloop_lag_p99_seconds");
    expect(await two.text()).toContain("plexline_connects_total 0\n");
    expect(one.contentType).toContain("text/plain");
  });
});
