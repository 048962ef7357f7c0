import { closeSync, openSync, readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { loopSampleMs, registerProcessMetrics } from '../../../runtime/process-metrics.ts';
import { eventually } from '../../apiserver/harness/eventually.ts';

function registered(): Registry {
  const registry = new Registry();
  registerProcessMetrics(registry);
  return registry;
}

async function valueIn(registry: Registry, name: string): Promise<number> {
  const metric = await registry.getSingleMetric(name)?.get();
  return metric?.values[0]?.value ?? Number.NaN;
}

test('every metric has its one value, in the unit of its name', async () => {
  const registry = registered();
  const metrics = await registry.getMetricsAsJSON();
  const values = Object.fromEntries(metrics.map(({ name, values: [first] }) => [name, first?.value ?? Number.NaN]));
  expect(metrics.map(({ values: { length } }) => length)).toEqual(metrics.map(() => 1));
  const at = (name: string): number => values[name] ?? Number.NaN;
  expect(Math.abs(at('process_start_time_seconds') - (Date.now() / 1000 - process.uptime()))).toBeLessThan(2);
  expect(at('process_resident_memory_bytes')).toBeGreaterThan(20e6);
  expect(at('process_resident_memory_bytes')).toBeLessThan(20e9);
  expect(at('nodejs_heap_size_used_bytes')).toBeGreaterThan(2e6);
  expect(at('nodejs_heap_size_total_bytes')).toBeGreaterThan(at('nodejs_heap_size_used_bytes'));
  expect(at('nodejs_external_memory_bytes')).toBeGreaterThan(0);
  expect(at('process_max_fds')).toBeGreaterThan(at('process_open_fds'));
  const [user, system] = [at('process_cpu_user_seconds_total'), at('process_cpu_system_seconds_total')];
  expect(user).toBeGreaterThan(0);
  expect(user).toBeLessThan(process.uptime() * 64);
  expect(at('process_cpu_seconds_total') / (user + system)).toBeCloseTo(1, 1);
});

test('counters follow what they count, and do not add it up', async () => {
  const registry = registered();
  const name = 'process_cpu_seconds_total';
  await valueIn(registry, name);
  const { user, system } = process.cpuUsage();
  const read = await valueIn(registry, name);
  expect(read).toBeGreaterThanOrEqual((user + system) / 1e6);
  expect(read).toBeLessThan((user + system) / 1e6 + 1);
});

test('open files are counted without the one that counts them', async () => {
  const registry = registered();
  const before = await valueIn(registry, 'process_open_fds');
  expect(before).toBe(readdirSync('/proc/self/fd').length - 1);
  const fd = openSync('/proc/self/limits', 'r');
  expect(await valueIn(registry, 'process_open_fds')).toBe(before + 1);
  closeSync(fd);
});

test.each([
  [0, 0],
  [loopSampleMs - 1, 0],
  [loopSampleMs, 0],
  [loopSampleMs + 50, 0.05],
])('samples at most %i ms apart are a lag of %d s, until the next look', async (apartMs, lagSeconds) => {
  const registry = new Registry();
  const delays = {
    max: apartMs * 1e6,
    reset: () => {
      delays.max = 0;
    },
  };
  registerProcessMetrics(registry, delays);
  const name = 'nodejs_eventloop_lag_max_seconds';
  expect(await valueIn(registry, name)).toBeCloseTo(lagSeconds, 9);
  expect(await valueIn(registry, name)).toBe(0);
});

test('a loop that is held is seen', async () => {
  const registry = registered();
  const seen = async (): Promise<boolean> => {
    const end = performance.now() + 2 * loopSampleMs + 100;
    while (performance.now() < end /* held */);
    await delay(1); // its timer comes first
    return (await valueIn(registry, 'nodejs_eventloop_lag_max_seconds')) >= 0.1;
  };
  // The time from one sample to the next: there must have been one, since the last look.
  expect(await eventually('the lag', seen, { everyMs: 2 * loopSampleMs })).toBe(true);
});
