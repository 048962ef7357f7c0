/** Metric names as Prometheus takes them: `[a-zA-Z_:][a-zA-Z0-9_:]*`. What is outside becomes `_`. */
export function legalMetricName(text: string): string {
  return legal(text.replace(/[^a-zA-Z0-9_:]/g, '_'));
}

/** Label names as Prometheus takes them: `[a-zA-Z_][a-zA-Z0-9_]*`. What is outside becomes `_`. */
export function legalLabelName(text: string): string {
  return legal(text.replace(/[^a-zA-Z0-9_]/g, '_'));
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
