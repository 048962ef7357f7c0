import { Registry } from 'prom-client';
import { WorkQueue, type WorkQueueOptions } from '../../../../runtime/kube/queue.ts';
import { QueueMetrics } from '../../../../runtime/kube/queue-metrics.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';

const setUp = (options: Partial<WorkQueueOptions> = {}) => {
  const clock = new ManualClock();
  const registry = new Registry();
  const queue = new WorkQueue({ name: 'q', clock, metrics: new QueueMetrics(registry), ...options });
  const metric = async (name: string) => (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return { clock, queue, metric };
};

describe('a work queue', () => {
  test('hands out keys in order, each once however often it was added', async () => {
    const { queue } = setUp();
    for (const key of ['a', 'b', 'a', 'a', 'c']) expect(queue.add(key)).toBe(true);
    expect(queue.depth).toBe(3);
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['a', 'b', 'c']);
    expect(queue.depth).toBe(0);
  });

  test('a key that is being worked on is handed out again only after it is done', async () => {
    const { queue } = setUp();
    queue.add('a');
    expect(await queue.take()).toBe('a');
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  test('who waits gets the next key, first come, first served', async () => {
    const { queue } = setUp();
    const [first, second] = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    expect([await first, await second]).toEqual(['a', 'b']);
  });

  test('addAfter waits, and the earliest of several counts', async () => {
    const { clock, queue } = setUp();
    queue.addAfter('a', 100);
    queue.addAfter('a', 50);
    queue.addAfter('a', 200);
    await clock.advance(49);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    await clock.advance(1_000);
    expect(queue.depth).toBe(0);
  });

  test('a key that fails waits 5 ms, doubled each time, up to five minutes, and anew after forget', async () => {
    const { clock, queue } = setUp({ bucket: { perSecond: 1_000, burst: 1_000 } });
    const waits: number[] = [];
    for (let failure = 0; failure < 20; failure++) {
      queue.addRateLimited('a');
      waits.push(clock.nextMs ?? 0);
      await clock.advance(clock.nextMs ?? 0);
      expect(await queue.take()).toBe('a');
      queue.done('a');
    }
    expect(waits.slice(0, 4)).toEqual([5, 10, 20, 40]);
    expect(waits.slice(-2)).toEqual([300_000, 300_000]);
    queue.forget('a');
    queue.addRateLimited('a');
    expect(clock.nextMs).toBe(5);
  });

  test('retries of all keys together keep to the bucket', async () => {
    const { clock, queue } = setUp({ bucket: { perSecond: 10, burst: 2 } });
    for (const key of ['a', 'b', 'c', 'd']) queue.addRateLimited(key);
    await clock.advance(5);
    expect(queue.depth).toBe(2);
    await clock.advance(94);
    expect(queue.depth).toBe(2);
    await clock.advance(1);
    expect(queue.depth).toBe(3);
    await clock.advance(100);
    expect(queue.depth).toBe(4);
  });

  test('refuses a key beyond its limit, counts it, and takes one that it has already', async () => {
    const { queue, metric } = setUp({ maxKeys: 2 });
    expect(queue.add('a')).toBe(true);
    expect(queue.addAfter('b', 10)).toBe(true);
    expect(queue.add('c')).toBe(false);
    expect(queue.addAfter('c', 10)).toBe(false);
    expect(queue.add('a')).toBe(true);
    expect(queue.add('b')).toBe(true);
    expect(await metric('workqueue_refused_total')).toBe(2);
  });

  test('close ends the waits, drops what is left and cancels what is delayed', async () => {
    const { clock, queue } = setUp();
    const waiting = queue.take();
    queue.close();
    expect(await waiting).toBeUndefined();
    expect(queue.add('a')).toBe(false);
    expect(queue.addAfter('a', 5)).toBe(false);
    expect(await queue.take()).toBeUndefined();
    const other = setUp();
    other.queue.addAfter('a', 5);
    other.queue.close();
    expect(other.clock.pending).toBe(0);
    expect(clock.pending).toBe(0);
  });

  test('metrics are born at zero and count', async () => {
    const { queue, metric } = setUp();
    const names = ['workqueue_depth', 'workqueue_adds_total', 'workqueue_retries_total', 'workqueue_refused_total'];
    for (const name of names) expect(await metric(name)).toBe(0);
    queue.add('a');
    queue.add('a');
    expect(await metric('workqueue_adds_total')).toBe(1);
    expect(await metric('workqueue_depth')).toBe(1);
    await queue.take();
    expect(await metric('workqueue_depth')).toBe(0);
  });
});
