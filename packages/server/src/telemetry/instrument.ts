import type { Counter, Gauge, Histogram, Labelled, MetricDefinition } from "./metrics.ts";

/** Sets of label values one metric keeps apart; further ones are counted together. */
export const LABEL_SETS_MAX = 256;
const OTHER = "other";

/** Milliseconds from a write to memory to the longest deadline of the engine. */
export const DEFAULT_BUCKETS: readonly number[] = [
  1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
];

/** One number, or one set of buckets, that renders itself as lines of the Prometheus text format. */
export interface Instrument {
  /** `labels` is what stands between the braces, e.g. `code="1000"`, or empty. */
  render(name: string, labels: string): string;
}

/** Counters and gauges: which of the two, the contract it is handed out under decides. */
export class NumberInstrument implements Counter, Gauge, Instrument {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }

  render(name: string, labels: string): string {
    return `${name}${braced(labels)} ${rendered(this.value)}\n`;
  }
}

export class BucketInstrument implements Histogram, Instrument {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    // Most values are small, so the walk is short.
    let index = 0;
    while (index < this.#bounds.length && value > this.#bounds[index]!) index++;
    this.#counts[index]! += 1;
    this.#sum += value;
  }

  render(name: string, labels: string): string {
    const separator = labels === "" ? "" : ",";
    let total = 0;
    const lines = this.#counts.map((count, index) => {
      total += count;
      const bound = index < this.#bounds.length ? String(this.#bounds[index]) : "+Inf";
      return `${name}_bucket{${labels}${separator}le="${bound}"} ${total}\n`;
    });
    lines.push(
      `${name}_sum${braced(labels)} ${rendered(this.#sum)}\n`,
      `${name}_count${braced(labels)} ${total}\n`,
    );
    return lines.join("");
  }
}

/** The instruments of one metric, by their label values. */
export class LabelledInstruments<Made extends Instrument> implements Labelled<Made, string> {
  readonly #labels: readonly string[];
  readonly #make: () => Made;
  readonly #byLabels = new Map<string, Made>();
  /** With one label, as most metrics have, its value alone leads to the instrument: no text is built on the way. */
  readonly #byValue = new Map<string, Made>();

  constructor(labels: readonly string[], make: () => Made) {
    this.#labels = labels;
    this.#make = make;
  }

  get instruments(): Iterable<Made> {
    return this.#byLabels.values();
  }

  with(values: Readonly<Record<string, string>>): Made {
    const only = this.#labels.length === 1 ? values[this.#labels[0]!] : undefined;
    const known = only === undefined ? this.#byLabels.get(this.#key(values)) : this.#byValue.get(only);
    if (known !== undefined) return known;
    if (this.#byLabels.size < LABEL_SETS_MAX) return this.#add(values);
    const other = Object.fromEntries(this.#labels.map((label) => [label, OTHER]));
    return this.#byLabels.get(this.#key(other)) ?? this.#add(other);
  }

  render(name: string): string {
    return [...this.#byLabels].map(([labels, instrument]) => instrument.render(name, labels)).join("");
  }

  #add(values: Readonly<Record<string, string>>): Made {
    const made = this.#make();
    this.#byLabels.set(this.#key(values), made);
    if (this.#labels.length === 1) this.#byValue.set(values[this.#labels[0]!] ?? "", made);
    return made;
  }

  #key(values: Readonly<Record<string, string>>): string {
    return this.#labels.map((label) => `${label}="${escaped(values[label] ?? "")}"`).join(",");
  }
}

/** The two comment lines above a metric's values. */
export function renderHeader(name: string, definition: MetricDefinition): string {
  const help = definition.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return `# HELP ${name} ${help}\n# TYPE ${name} ${definition.type}\n`;
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function rendered(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
