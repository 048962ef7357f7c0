import fc from 'fast-check';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { RegistryText } from '../../../runtime/registry-text.ts';

const textOf = (registry: Registry, constant = {}): Promise<string> => new RegistryText(registry, constant).text();

test('a gauge, a counter and a histogram', async () => {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({ name: 'a', help: 'As it is.', labelNames: ['x'], registers }).set({ x: 'y' }, 1.5);
  new Counter({ name: 'b_total', help: 'b', registers }).inc(2);
  new Histogram({ name: 'c', help: 'c', labelNames: ['x'], buckets: [0.5, 1], registers }).observe({ x: 'y' }, 0.75);
  new Gauge({ name: 'none', help: 'No series yet.', labelNames: ['x'], registers });
  expect(await textOf(registry, { node: 'n1', zone: 'z' })).toBe(`# HELP a As it is.
# TYPE a gauge
a{x="y",node="n1",zone="z"} 1.5
# HELP b_total b
# TYPE b_total counter
b_total{node="n1",zone="z"} 2
# HELP c c
# TYPE c histogram
c_bucket{le="0.5",x="y",node="n1",zone="z"} 0
c_bucket{le="1",x="y",node="n1",zone="z"} 1
c_bucket{le="+Inf",x="y",node="n1",zone="z"} 1
c_sum{x="y",node="n1",zone="z"} 0.75
c_count{x="y",node="n1",zone="z"} 1
# HELP none No series yet.
# TYPE none gauge
`);
});

test.each([
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
  [-0.5, '-0.5'],
  [1e21, '1e+21'],
  [1e-7, '1e-7'],
])('the value %d', async (value, text) => {
  const registry = new Registry();
  new Gauge({ name: 'a', help: 'a', registers: [registry] }).set(value);
  expect((await textOf(registry, { node: 'n1' })).split('\n')[2]).toBe(`a{node="n1"} ${text}`);
});

test('without any label there are no braces', async () => {
  const registry = new Registry();
  new Gauge({ name: 'a', help: 'a', registers: [registry] }).set(1);
  expect((await textOf(registry)).split('\n')[2]).toBe('a 1');
});

test('values that are collected are those of now, also where collecting takes time', async () => {
  const registry = new Registry();
  let now = 1;
  new Gauge({
    name: 'a',
    help: 'a',
    registers: [registry],
    async collect() {
      await Promise.resolve();
      this.set(now);
    },
  });
  expect(await textOf(registry)).toContain('a 1\n');
  now = 2;
  expect(await textOf(registry)).toContain('a 2\n');
});

test("reads like prom-client's own text, whatever the labels are", async () => {
  const hostile = fc.string({ unit: fc.constantFrom('a', '\\', '"', '\n', 'é', '😀', '{', ',', ' ') });
  const series = fc.record({ x: hostile, y: hostile, value: fc.double({ noNaN: true }) });
  await fc.assert(
    fc.asyncProperty(hostile, hostile, fc.array(series, { maxLength: 5 }), async (help, node, all) => {
      const registry = new Registry();
      const registers = [registry];
      const labelNames = ['x', 'y'] as const;
      const gauge = new Gauge({ name: 'g', help: `g${help}`, labelNames, registers });
      const histogram = new Histogram({ name: 'h', help: `h${help}`, registers });
      for (const { x, y, value } of all) {
        gauge.set({ x, y }, value);
        if (Number.isFinite(value)) histogram.observe(value);
      }
      const ours = await textOf(registry, { node });
      registry.setDefaultLabels({ node });
      // It has an empty line between metrics.
      expect(ours).toBe((await registry.metrics()).replaceAll('\n\n# HELP', '\n# HELP'));
    }),
  );
});
