import { Registry } from 'prom-client';
import { Controller, type ControllerOptions } from '../../../../runtime/kube/controller.ts';
import { ControllerMetrics } from '../../../../runtime/kube/controller-metrics.ts';
import { KubeError } from '../../../../runtime/kube/kube-error.ts';
import { WorkQueue } from '../../../../runtime/kube/queue.ts';
import { QueueMetrics } from '../../../../runtime/kube/queue-metrics.ts';
import { done, type Result, requeueAfter, stop, TerminalError, wait } from '../../../../runtime/kube/result.ts';
import { createLogger } from '../../../../runtime/logger.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';

type Reconcile = ControllerOptions['reconcile'];

const setUp = (reconcile: Reconcile, more: Partial<ControllerOptions> = {}, maxKeys = 1_000) => {
  const clock = new ManualClock();
  const registry = new Registry();
  const queue = new WorkQueue({ name: 'q', clock, metrics: new QueueMetrics(registry), maxKeys });
  const metrics = new ControllerMetrics(registry);
  const lines: { level: string; msg: string }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) };
  const logger = createLogger({ name: 'test', level: 'debug', destination });
  const controller = new Controller({ name: 'c', queue, reconcile, clock, logger, metrics, ...more });
  const counts = async () => {
    const values = (await registry.getSingleMetric('controller_reconciles_total')?.get())?.values ?? [];
    return Object.fromEntries(
      values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels['result'], value]),
    );
  };
  return { clock, queue, controller, counts, lines, registry };
};

/** Runs one key through a controller whose first reconcile ends like this and whose next ones are done. */
const once = async (outcome: () => Promise<Result>) => {
  let calls = 0;
  const rig = setUp(() => (++calls === 1 ? outcome() : Promise.resolve(done)));
  rig.controller.start();
  rig.controller.enqueue('ns/a');
  await rig.clock.advance(0);
  const nextMs = rig.clock.nextMs;
  await rig.clock.advance(600_000);
  await rig.controller.stop();
  return { calls, nextMs, counts: await rig.counts(), levels: rig.lines.map(({ level }) => level) };
};

const kubeError = (code: KubeError['code'], facts = {}) => new KubeError(code, 'x', { request: 'GET /', ...facts });

describe('a controller', () => {
  // how it ends: calls in all, wait before the second, counts, log levels
  test.each<[string, () => Promise<Result>, number, number | undefined, Record<string, number>, string[]]>([
    ['done', async () => done, 1, undefined, { done: 1 }, []],
    ['requeue', async () => requeueAfter(7_000), 2, 7_000, { requeue: 1, done: 1 }, []],
    ['wait', async () => wait('for the node'), 1, undefined, { wait: 1 }, ['debug']],
    ['stop', async () => stop(new Error('no such key')), 1, undefined, { stop: 1 }, ['error']],
    ['TerminalError', () => Promise.reject(new TerminalError(new Error('x'))), 1, undefined, { stop: 1 }, ['error']],
    ['an error', () => Promise.reject(new Error('x')), 2, 5, { error: 1, done: 1 }, ['error']],
    ['a mistake', () => Promise.reject(new TypeError('x')), 2, 5, { panic: 1, done: 1 }, ['error']],
    ['what is no error', () => Promise.reject('x'), 2, 5, { panic: 1, done: 1 }, ['error']],
    ['a conflict', () => Promise.reject(kubeError('Conflict')), 2, 5, { conflict: 1, done: 1 }, ['debug']],
    [
      '429',
      () => Promise.reject(kubeError('TooManyRequests', { retryAfterMs: 3_000 })),
      2,
      3_000,
      { error: 1, done: 1 },
      ['error'],
    ],
  ])('after %s', async (_, outcome, calls, nextMs, counts, levels) => {
    expect(await once(outcome)).toEqual({ calls, nextMs, counts, levels });
  });

  test('a key that failed and then worked waits as little as at first when it fails again', async () => {
    const failing = new Set([1, 2, 4]);
    let calls = 0;
    const rig = setUp(() => (failing.has(++calls) ? Promise.reject(new Error('x')) : Promise.resolve(done)));
    rig.controller.start();
    const waits: (number | undefined)[] = [];
    rig.controller.enqueue('a');
    for (let round = 0; round < 2; round++) {
      await rig.clock.advance(0);
      waits.push(rig.clock.nextMs);
      await rig.clock.advance(rig.clock.nextMs ?? 0);
    }
    expect(calls).toBe(3);
    rig.controller.enqueue('a');
    await rig.clock.advance(0);
    waits.push(rig.clock.nextMs);
    expect(waits).toEqual([5, 10, 5]);
    await rig.controller.stop();
  });

  test('works on several keys at once, and on one key by one', async () => {
    const running: string[] = [];
    let peak = 0;
    const ends: (() => void)[] = [];
    const reconcile: Reconcile = async (key) => {
      if (running.includes(key)) throw new Error('twice at once');
      running.push(key);
      peak = Math.max(peak, running.length);
      await new Promise<void>((resolve) => ends.push(resolve));
      running.splice(running.indexOf(key), 1);
      return done;
    };
    const { clock, controller, counts } = setUp(reconcile, { workers: 2 });
    controller.start();
    for (const key of ['a', 'b', 'c']) controller.enqueue(key);
    await clock.advance(0);
    controller.enqueue('a');
    await clock.advance(0);
    expect(running).toEqual(['a', 'b']);
    for (let round = 0; round < 4; round++) {
      ends.shift()?.();
      await clock.advance(0);
    }
    expect(peak).toBe(2);
    expect(await counts()).toEqual({ done: 4 });
    await controller.stop();
  });

  test('a reconcile that takes too long is aborted and tried again', async () => {
    let calls = 0;
    const reconcile: Reconcile = (_key, signal) => {
      if (++calls > 1) return Promise.resolve(done);
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const { clock, controller, counts } = setUp(reconcile, { reconcileLimitMs: 1_000 });
    controller.start();
    controller.enqueue('a');
    await clock.advance(0); // the reconcile begins, and with it its time
    await clock.advance(999);
    expect(await counts()).toEqual({});
    await clock.advance(1);
    await clock.advance(5);
    expect(await counts()).toEqual({ error: 1, done: 1 });
    await controller.stop();
  });

  test('stop aborts what runs, waits for it, and starts nothing more', async () => {
    let aborted = false;
    const reconcile: Reconcile = (_key, signal) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        }),
      );
    const { clock, controller, counts, lines } = setUp(reconcile);
    controller.start();
    controller.enqueue('a');
    controller.enqueue('b');
    await clock.advance(0);
    await controller.stop();
    expect(aborted).toBe(true);
    expect(await counts()).toEqual({ done: 1 });
    expect(lines).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  test('keys that a full queue refused come back by a look at everything', async () => {
    const seen: string[] = [];
    const all = ['a', 'b', 'c', 'd'];
    const reconcile: Reconcile = async (key) => {
      seen.push(key);
      return done;
    };
    const { clock, controller, lines } = setUp(reconcile, { allKeys: () => all }, 2);
    for (const key of all) controller.enqueue(key);
    controller.start();
    for (let round = 0; round < 20; round++) await clock.advance(0);
    expect(new Set(seen)).toEqual(new Set(all));
    expect(lines.filter(({ msg }) => msg === 'work queue is full').length).toBeGreaterThan(0);
    await controller.stop();
  });

  test('metrics are born at zero', async () => {
    const { registry } = setUp(async () => done);
    const values = (await registry.getSingleMetric('controller_reconciles_total')?.get())?.values ?? [];
    expect(values.map(({ labels }) => labels['result'])).toEqual([
      'done',
      'requeue',
      'wait',
      'stop',
      'conflict',
      'error',
      'panic',
    ]);
  });
});
