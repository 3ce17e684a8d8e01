/**
 * Measurements of this daemon, kept by the thread that makes them and written in Prometheus' text
 * form. https://prometheus.io/docs/instrumenting/exposition_formats/
 */

/** Bounds in seconds that tell a fast call from a slow one, from what a cache answers to a pull. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface MetricOptions<L extends string> {
  /** With the unit at its end, `_total` behind it for a counter. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly L[];
}

type Type = "counter" | "gauge" | "histogram";

/** One value: its labels in the order of the metric's. */
type LabelValues<L extends string> = Readonly<Record<L, string>>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: Type;
  lines(): Iterable<string>;
}

/** Grows, and is never taken back. */
export class Counter<L extends string> implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  readonly #labels: readonly L[];
  readonly #values = new Map<string, number>();

  constructor({ name, help, labels = [] }: MetricOptions<L>) {
    this.name = name;
    this.help = help;
    this.#labels = labels;
  }

  add(values: LabelValues<L>, by = 1): void {
    const key = labelText(this.#labels, values);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  *lines(): Generator<string> {
    for (const [labels, value] of this.#values) yield `${this.name}${braced(labels)} ${value}`;
  }
}

interface Buckets {
  /** How many were at most the bound of the same place; the last is all. */
  readonly counts: number[];
  sum: number;
}

/** How long things took, in seconds. */
export class Histogram<L extends string> implements Family {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #labels: readonly L[];
  readonly #series = new Map<string, Buckets>();

  constructor({ name, help, labels = [] }: MetricOptions<L>) {
    this.name = name;
    this.help = help;
    this.#labels = labels;
  }

  observe(values: LabelValues<L>, seconds: number): void {
    const key = labelText(this.#labels, values);
    let buckets = this.#series.get(key);
    if (buckets === undefined) {
      buckets = { counts: new Array(SECONDS.length + 1).fill(0), sum: 0 };
      this.#series.set(key, buckets);
    }
    const at = SECONDS.findIndex((bound) => seconds <= bound);
    const first = at < 0 ? SECONDS.length : at;
    for (let n = first; n < buckets.counts.length; n++) {
      buckets.counts[n] = (buckets.counts[n] ?? 0) + 1;
    }
    buckets.sum += seconds;
  }

  /** Begins to measure; the returned function ends it. */
  start(): (values: LabelValues<L>) => void {
    const began = performance.now();
    return (values) => this.observe(values, (performance.now() - began) / 1000);
  }

  *lines(): Generator<string> {
    for (const [labels, { counts, sum }] of this.#series) {
      const before = labels === "" ? "" : `${labels},`;
      for (const [at, count] of counts.entries()) {
        yield `${this.name}_bucket{${before}le="${SECONDS[at] ?? "+Inf"}"} ${count}`;
      }
      yield `${this.name}_sum${braced(labels)} ${sum}`;
      yield `${this.name}_count${braced(labels)} ${counts.at(-1) ?? 0}`;
    }
  }
}

/** What is read when somebody asks. */
export interface Reading<L extends string> {
  readonly labels?: LabelValues<L>;
  readonly value: number;
}

export interface ReadMetric<L extends string> extends MetricOptions<L> {
  readonly type: "counter" | "gauge";
  read(): Iterable<Reading<L>>;
}

/** The metrics of one thread. */
export class Metrics {
  readonly #families = new Map<string, Family>();

  counter<L extends string>(options: MetricOptions<L>): Counter<L> {
    return this.#add(new Counter(options));
  }

  histogram<L extends string>(options: MetricOptions<L>): Histogram<L> {
    return this.#add(new Histogram(options));
  }

  /** A metric whose values are there already and only read. */
  reading<L extends string>(options: ReadMetric<L>): void {
    const { name, help, type, labels = [], read } = options;
    this.#add({
      name,
      help,
      type,
      *lines() {
        for (const { labels: values, value } of read()) {
          const text = values === undefined ? "" : labelText(labels, values);
          yield `${name}${braced(text)} ${value}`;
        }
      },
    });
  }

  /** Every metric, its meaning and its values. */
  text(): string {
    let text = "";
    for (const family of this.#families.values()) {
      text += `# HELP ${family.name} ${escaped(family.help)}\n`;
      text += `# TYPE ${family.name} ${family.type}\n`;
      for (const line of family.lines()) text += `${line}\n`;
    }
    return text;
  }

  #add<F extends Family>(family: F): F {
    if (this.#families.has(family.name)) throw new Error(`metric ${family.name} is there already`);
    this.#families.set(family.name, family);
    return family;
  }
}

/** This thread's. Counting is nobody's business but the reader's, so it isn't handed around. */
export const metrics = new Metrics();

function labelText<L extends string>(labels: readonly L[], values: LabelValues<L>): string {
  return labels.map((label) => `${label}="${escaped(values[label]).replaceAll('"', '\\"')}"`)
    .join(",");
}

function braced(labels: string): string {
  return labels === "" ? "" : `{${labels}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
