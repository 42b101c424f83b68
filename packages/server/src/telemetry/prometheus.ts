import { collectDefaultMetrics, Registry } from "prom-client";
import {
  BucketInstrument,
  DEFAULT_BUCKETS,
  type Instrument,
  LabelledInstruments,
  NumberInstrument,
  renderHeader,
} from "./instrument.ts";
import {
  type EngineMetrics,
  METRIC_PREFIX,
  METRICS,
  type MetricDefinition,
  type Metrics,
  type MetricType,
  type NewMetric,
} from "./metrics.ts";

export interface MetricsOptions {
  /** Also report the process: CPU, memory, garbage collection, event loop delay. Default true. */
  readonly defaultMetrics?: boolean;
}

const NAME = /^[a-z][a-z0-9_]*$/;

interface Registered {
  readonly name: string;
  readonly definition: MetricDefinition;
  render(): string;
}

/**
 * Metrics for one server, in a registry of their own: two servers of one process do not add up. The engine's and the
 * features' numbers are rendered here at scrape time; those of the process come from prom-client.
 */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registered = new Map<string, Registered>();
  const callbacks: (() => void)[] = [];
  const registry = new Registry();
  if (options.defaultMetrics ?? true) collectDefaultMetrics({ register: registry, prefix: METRIC_PREFIX });

  const register = (definition: MetricDefinition): Instrument | LabelledInstruments<Instrument> => {
    assertDefinition(definition);
    const name = METRIC_PREFIX + definition.name;
    if (registered.has(name) || registry.getSingleMetric(name) !== undefined) {
      throw new Error(`The metric ${name} is registered twice; give one of the two another name.`);
    }
    const make = maker(definition);
    if (definition.labels === undefined) {
      const instrument = make();
      registered.set(name, { name, definition, render: () => instrument.render(name, "") });
      return instrument;
    }
    const labelled = new LabelledInstruments(definition.labels, make);
    registered.set(name, { name, definition, render: () => labelled.render(name) });
    return labelled;
  };
  // What `register` returns follows from the definition's type and labels, which the contract's types spell out.
  const registerAs = (type: MetricType) => (definition: NewMetric) =>
    register({ ...definition, type }) as never;

  const engine = Object.fromEntries(
    Object.entries(METRICS).map(([key, definition]) => [key, register(definition)]),
  ) as unknown as EngineMetrics;

  return {
    engine,
    counter: registerAs("counter"),
    gauge: registerAs("gauge"),
    histogram: registerAs("histogram"),
    onScrape: (callback) => void callbacks.push(callback),
    async text() {
      for (const callback of callbacks) callback();
      const own = [...registered.values()].map(
        ({ name, definition, render }) => renderHeader(name, definition) + render(),
      );
      return own.join("") + (await registry.metrics());
    },
    contentType: registry.contentType,
  };
}

function maker(definition: MetricDefinition): () => Instrument {
  if (definition.type !== "histogram") return () => new NumberInstrument();
  const bounds = definition.buckets ?? DEFAULT_BUCKETS;
  return () => new BucketInstrument(bounds);
}

function assertDefinition({ name, labels = [], buckets = [] }: MetricDefinition): void {
  const bad = [name, ...labels].find((word) => !NAME.test(word));
  if (bad !== undefined) throw new Error(`"${bad}" is no metric or label name; use a–z, 0–9 and _.`);
  if (buckets.some((bound, index) => index > 0 && bound <= buckets[index - 1]!)) {
    throw new Error(`The buckets of ${name} must rise.`);
  }
}
