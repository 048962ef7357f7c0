import type { Registry } from 'prom-client';

/** A series as prom-client hands it out. */
interface Value {
  readonly value: number;
  readonly labels: Partial<Record<string, string | number>>;
  /** Of a histogram's line; else the metric's own. */
  readonly metricName?: string;
}

/**
 * A registry as Prometheus text (0.0.4), with labels that all of its series have. The same as prom-client's `metrics()`
 * with default labels, in less than half the time: that copies the labels of each series three times. And NaN is written
 * as Prometheus reads it.
 */
export class RegistryText {
  readonly #registry: Registry;
  /** `a="b",c="d"` */
  readonly #constant: string;

  constructor(registry: Registry, constant: Readonly<Record<string, string>>) {
    this.#registry = registry;
    this.#constant = labelPairs(constant);
  }

  async text(): Promise<string> {
    // prom-client's types keep `get` to what is asked for by name.
    const names = this.#registry.getMetricsAsArray().map(({ name }) => name);
    const metrics = await Promise.all(names.map((name) => this.#registry.getSingleMetric(name)?.get()));
    let text = '';
    for (const metric of metrics) {
      if (metric === undefined) continue;
      text += `# HELP ${metric.name} ${escapeHelp(metric.help)}\n# TYPE ${metric.name} ${metric.type}\n`;
      for (const { value, labels, metricName } of metric.values as readonly Value[]) {
        text += `${metricName ?? metric.name}${this.#block(labelPairs(labels))} ${numberText(value)}\n`;
      }
    }
    return text;
  }

  #block(own: string): string {
    const comma = own !== '' && this.#constant !== '' ? ',' : '';
    const pairs = `${own}${comma}${this.#constant}`;
    return pairs === '' ? '' : `{${pairs}}`;
  }
}

function labelPairs(labels: Value['labels']): string {
  let text = '';
  for (const name in labels) {
    if (text !== '') text += ',';
    text += `${name}="${escapeLabel(labels[name])}"`;
  }
  return text;
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');

function escapeLabel(value: string | number | undefined): string | number | undefined {
  if (typeof value !== 'string' || !/[\\"\n]/.test(value)) return value;
  return escapeHelp(value).replaceAll('"', '\\"');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return `${value}`;
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}
