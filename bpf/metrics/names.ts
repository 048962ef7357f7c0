/** Metric names as Prometheus takes them: `[a-zA-Z_:][a-zA-Z0-9_:]*`. What is outside becomes `_`. */
export function legalMetricName(text: string): string {
  return legal(text.replace(/[^a-zA-Z0-9_:]/g, '_'));
}

/** Label names as Prometheus takes them: `[a-zA-Z_][a-zA-Z0-9_]*`. What is outside becomes `_`. */
export function legalLabelName(text: string): string {
  return legal(text.replace(/[^a-zA-Z0-9_]/g, '_'));
}

export const defaultPrefix = 'bpf';

export function prefixed(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}_${name}`;
}

/** Why a metric must not have this name; undefined where it may. */
export function reservedFamily(family: string): string | undefined {
  const own = ['bpf_agent_', 'process_', 'nodejs_'].find((start) => family.startsWith(start));
  if (own !== undefined) return `${own} is the agent's own`;
  // https://prometheus.io/docs/concepts/jobs_instances/#automatically-generated-labels-and-time-series
  if (family === 'up' || family.startsWith('scrape_') || family.startsWith('ALERTS')) return "it is Prometheus' own";
  return undefined;
}

/**
 * Names that a key's member must not take: ours, those that Prometheus' own types use (`le`, `quantile`), and those
 * that a scrape with `honorLabels` would let a BPF forge (`job`, `instance`, `namespace`, `pod`, `container`).
 */
export function isReservedLabel(name: string): boolean {
  return reservedLabels.has(name) || name.startsWith('__');
}

/** The label of an array's elements inside a value. */
export const indexLabel = 'index';

const reservedLabels: ReadonlySet<string> = new Set([
  'node',
  'bpf_namespace',
  'bpf_name',
  indexLabel,
  'cpu',
  'le',
  'quantile',
  'job',
  'instance',
  'namespace',
  'pod',
  'container',
]);

function legal(text: string): string {
  return /^[0-9]/.test(text) || text === '' ? `_${text}` : text;
}
