import { Collector } from '../../../../agent/metrics/collector.ts';
import { eventually } from '../../../apiserver/harness/eventually.ts';

const worthBytes = 32 << 20;

/** Referred to by nobody when this returns. */
const dropOne = (): WeakRef<Buffer> => new WeakRef(Buffer.allocUnsafeSlow(worthBytes));

test('what was dropped is collected', async () => {
  const dropped = dropOne();
  new Collector().dropped(worthBytes);
  await eventually('the buffer to go', () => dropped.deref() === undefined);
});

test('once for much, and not for little', async () => {
  let collections = { little: 0, much: 0, later: 0 };
  const collectorOf = (name: keyof typeof collections): Collector =>
    new Collector(() => {
      collections = { ...collections, [name]: collections[name] + 1 };
    });
  collectorOf('little').dropped(worthBytes - 1);
  const much = collectorOf('much');
  for (const sizeBytes of [worthBytes - 1, 1, worthBytes]) much.dropped(sizeBytes);
  collectorOf('later').dropped(worthBytes);
  await eventually('the last of them', () => collections.later === 1);
  expect(collections).toEqual({ little: 0, much: 1, later: 1 });
});
