/** Every metric's name starts with this. */
export const METRIC_PREFIX = "plexline_";

export type MetricType = "counter" | "gauge" | "histogram";

/** What a metric is; docs/metrics.md lists the engine's own, and `npm run check` holds the two together. */
export interface MetricDefinition {
  /** Without the prefix; counters end in `_total`, others in their unit. */
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  /** Names of its labels. Their values must come from small closed sets: never a topic, a user or an address. */
  readonly labels?: readonly string[];
  /** Upper bounds of a histogram's buckets, rising. Default: milliseconds from 1 to 10,000. */
  readonly buckets?: readonly number[];
}

/** The engine's metrics. */
export const METRICS = {
  connections: { name: "connections", type: "gauge", labels: ["protocol"], help: "Open connections." },
  connects: { name: "connects_total", type: "counter", help: "Connections accepted." },
  closes: {
    name: "closes_total",
    type: "counter",
    labels: ["code"],
    help: "Connections closed, by close code.",
  },
  sessions: { name: "sessions", type: "gauge", help: "Sessions, with and without a connection." },
  subscriptions: { name: "subscriptions", type: "gauge", help: "Subscriptions of all sessions." },
  messagesIn: {
    name: "messages_in_total",
    type: "counter",
    labels: ["type"],
    help: "Messages received, by type.",
  },
  messagesOut: { name: "messages_out_total", type: "counter", help: "Messages handed to sockets." },
  bytesOut: { name: "bytes_out_total", type: "counter", help: "Bytes of the messages handed to sockets." },
  publications: {
    name: "publications_total",
    type: "counter",
    labels: ["feature", "family"],
    help: "Publications accepted; the family is logged or ephemeral.",
  },
  refused: {
    name: "refused_total",
    type: "counter",
    labels: ["code"],
    help: "Requests refused, by error code.",
  },
  commitMs: {
    name: "commit_ms",
    type: "histogram",
    help: "From handing a commit to the storage until it is durable, in milliseconds.",
  },
  ackMs: {
    name: "ack_ms",
    type: "histogram",
    help: "From reading a publish until its reply is handed to the socket, in milliseconds.",
  },
  outboxDropped: {
    name: "outbox_dropped_total",
    type: "counter",
    labels: ["policy"],
    help: "Messages that gave way in a full outbox, by policy.",
  },
  slowConsumers: {
    name: "slow_consumers_total",
    type: "counter",
    help: "Connections closed because they did not read.",
  },
  recoveries: {
    name: "recoveries_total",
    type: "counter",
    labels: ["result"],
    help: "Subscriptions with a position: recovered, or gap.",
  },
  gaps: { name: "gaps_total", type: "counter", labels: ["reason"], help: "Gaps told to clients, by reason." },
  resumes: {
    name: "resumes_total",
    type: "counter",
    labels: ["result"],
    help: "Attempts to resume a session: resumed, or refused.",
  },
  auth: {
    name: "auth_total",
    type: "counter",
    labels: ["result"],
    help: "Authentications, by ok or error code.",
  },
  handlerMs: {
    name: "handler_ms",
    type: "histogram",
    labels: ["feature"],
    help: "Time a feature took to handle a message, in milliseconds.",
  },
} as const satisfies Readonly<Record<string, MetricDefinition>>;

/** Counts up. */
export interface Counter {
  /** Adds `amount`, by default 1. */
  add(amount?: number): void;
  /** What it stands at. */
  readonly value: number;
}

/** Goes up and down. */
export interface Gauge {
  add(amount: number): void;
  set(value: number): void;
  readonly value: number;
}

/** Sorts values into buckets. */
export interface Histogram {
  observe(value: number): void;
}

/**
 * One metric with labels. `with` looks up the instrument of one set of label values: do it once where the values are
 * known ahead, and keep the instrument. Beyond 256 sets, all further ones are counted together as `other`.
 */
export interface Labelled<Instrument, Label extends string> {
  with(values: Readonly<Record<Label, string>>): Instrument;
  /** All instruments made so far. */
  readonly instruments: Iterable<Instrument>;
}

/** Without labels a metric is its one instrument. */
export type Metric<Definition, Instrument> = Definition extends {
  readonly labels: readonly (infer Label extends string)[];
}
  ? Labelled<Instrument, Label>
  : Instrument;

type InstrumentOf<Definition> = Definition extends { readonly type: "counter" }
  ? Counter
  : Definition extends { readonly type: "gauge" }
    ? Gauge
    : Histogram;

export type EngineMetrics = {
  readonly [Key in keyof typeof METRICS]: Metric<(typeof METRICS)[Key], InstrumentOf<(typeof METRICS)[Key]>>;
};

/** A definition as `counter`, `gauge` and `histogram` take it. */
export type NewMetric = Omit<MetricDefinition, "type">;

/**
 * Numbers about the server, written by the engine and by features, read by a Prometheus scrape.
 * An instrument is a plain number in memory: adding to it costs what `count += 1` costs.
 *
 * @example
 * const moves = metrics.counter({ name: "board_moves_total", help: "Shapes moved.", labels: ["kind"] });
 * const drags = moves.with({ kind: "drag" });
 * drags.add();
 */
export interface Metrics {
  /** The engine's own, as METRICS lists them. */
  readonly engine: EngineMetrics;
  /** Registers a feature's metric. Throws if the name is taken or not a metric name. */
  counter<const Definition extends NewMetric>(definition: Definition): Metric<Definition, Counter>;
  gauge<const Definition extends NewMetric>(definition: Definition): Metric<Definition, Gauge>;
  histogram<const Definition extends NewMetric>(definition: Definition): Metric<Definition, Histogram>;
  /** Runs before every scrape: where gauges are set that nobody keeps up to date. */
  onScrape(callback: () => void): void;
  /** All metrics as Prometheus reads them. */
  text(): Promise<string>;
  /** The media type of `text`. */
  readonly contentType: string;
}
