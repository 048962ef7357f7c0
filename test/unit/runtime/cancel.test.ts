import { getEventListeners } from 'node:events';
import { abortable, Deadline, DeadlineError, LinkedAbort } from '../../../runtime/cancel.ts';
import { ManualClock } from '../../fakes/manual-clock.ts';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;
const reason = new Error('enough');

describe('LinkedAbort', () => {
  test('aborts with the first parent that does, with its reason', () => {
    const [a, b] = [new AbortController(), new AbortController()];
    const linked = new LinkedAbort(a.signal, undefined, b.signal);
    b.abort(reason);
    a.abort(new Error('later'));
    expect(linked.signal.reason).toBe(reason);
  });

  test('is aborted from the start under an aborted parent', () => {
    const parent = new AbortController();
    expect(new LinkedAbort(parent.signal, AbortSignal.abort(reason)).signal.reason).toBe(reason);
    expect(listeners(parent.signal)).toBe(0);
  });

  test.each(['dispose', 'abort'])('%s leaves no listener on the parent', (how) => {
    const parent = new AbortController();
    const linked = new LinkedAbort(parent.signal);
    expect(listeners(parent.signal)).toBe(1);
    if (how === 'dispose') linked[Symbol.dispose]();
    else linked.abort(reason);
    expect(listeners(parent.signal)).toBe(0);
    parent.abort(new Error('later'));
    expect(linked.signal.aborted).toBe(how === 'abort');
  });
});

describe('Deadline', () => {
  test('aborts at its time, not before, and says what took too long', async () => {
    const clock = new ManualClock();
    using deadline = new Deadline(clock, 'GET /x', 1_500);
    await clock.advance(1_499);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(deadline.signal.reason).toBeInstanceOf(DeadlineError);
    expect((deadline.signal.reason as Error).message).toBe('GET /x: no answer within 1.5 s');
  });

  test('disposed it leaves nothing behind', () => {
    const clock = new ManualClock();
    const parent = new AbortController();
    new Deadline(clock, 'x', 1, parent.signal)[Symbol.dispose]();
    expect([clock.pending, listeners(parent.signal)]).toEqual([0, 0]);
  });
});

describe('abortable', () => {
  test('is the promise, or the reason', async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(1), signal)).toBe(1);
    await expect(abortable(Promise.reject(reason), signal)).rejects.toBe(reason);
    expect(listeners(signal)).toBe(0);
    await expect(abortable(Promise.resolve(1), AbortSignal.abort(reason))).rejects.toBe(reason);
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => {}), controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test('the failure of a promise that nobody waits for any more is not unhandled', async () => {
    const late = Promise.withResolvers<never>();
    const controller = new AbortController();
    const waiting = abortable(late.promise, controller.signal);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    late.reject(new Error('late'));
  });
});
