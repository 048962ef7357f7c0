import { EventEmitter } from 'node:events';
import { Lifecycle, type ProcessEvents } from '../../../runtime/lifecycle.ts';
import { createLogger } from '../../../runtime/logger.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

const setUp = () => {
  const clock = new ManualClock();
  const process = new EventEmitter();
  const lines: { level: string; msg: string; step?: string }[] = [];
  const destination = { write: (line: string) => lines.push(JSON.parse(line) as (typeof lines)[number]) };
  const logger = createLogger({ name: 'test', level: 'info', destination });
  const lifecycle = new Lifecycle({ logger, clock, stopLimitMs: 30_000, process: process as unknown as ProcessEvents });
  const steps: string[] = [];
  const step = (name: string, run: (signal: AbortSignal) => void | Promise<void> = () => {}) =>
    lifecycle.onStop(name, (signal) => {
      steps.push(name);
      return run(signal);
    });
  return { clock, process, lifecycle, lines, steps, step };
};

describe('a lifecycle', () => {
  test.each(['SIGTERM', 'SIGINT'])('%s stops everything, last first, with exit code 0', async (name) => {
    const { process, lifecycle, steps, step } = setUp();
    step('first');
    step('second', async () => {});
    const exit = lifecycle.run();
    expect(lifecycle.signal.aborted).toBe(false);
    process.emit(name, name);
    expect(lifecycle.signal.aborted).toBe(true);
    expect(await exit).toBe(0);
    expect(steps).toEqual(['second', 'first']);
    expect(process.eventNames()).toEqual([]);
  });

  test.each(['unhandledRejection', 'uncaughtException'])(
    '%s is logged and ends the process with code 1',
    async (name) => {
      const { process, lifecycle, lines, steps, step } = setUp();
      step('first');
      const exit = lifecycle.run();
      process.emit(name, new Error('nobody caught me'));
      expect(await exit).toBe(1);
      expect(steps).toEqual(['first']);
      expect(lines).toMatchObject([{ level: 'fatal', err: { message: 'nobody caught me' } }]);
    },
  );

  test('a step that fails does not keep the others from running', async () => {
    const { lifecycle, lines, steps, step } = setUp();
    step('first');
    step('second', () => Promise.reject(new Error('x')));
    step('third', () => {
      throw new Error('y');
    });
    lifecycle.stop('test');
    expect(await lifecycle.run()).toBe(1);
    expect(steps).toEqual(['third', 'second', 'first']);
    expect(lines.flatMap(({ step: name }) => name ?? [])).toEqual(['third', 'second']);
  });

  test('a step that never ends is left when the time is up, and the rest still runs', async () => {
    const { clock, lifecycle, steps, step } = setUp();
    step('first');
    let told = false;
    step('second', (signal) => {
      signal.addEventListener('abort', () => (told = true));
      return new Promise(() => {});
    });
    lifecycle.stop('test');
    const exit = lifecycle.run();
    await clock.advance(29_999);
    expect(told).toBe(false);
    await clock.advance(1);
    expect(await exit).toBe(1);
    expect(told).toBe(true);
    expect(steps).toEqual(['second', 'first']);
    expect(clock.pending).toBe(0);
  });

  test('a failure after an orderly stop still counts, and stopping twice is once', async () => {
    const { lifecycle, lines } = setUp();
    lifecycle.stop('one');
    lifecycle.stop('two');
    lifecycle.fail(new Error('three'));
    expect(await lifecycle.run()).toBe(1);
    expect(lines.map(({ msg }) => msg)).toEqual(['stopping', 'three']);
  });
});
