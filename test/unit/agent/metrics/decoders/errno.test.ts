import { constants } from 'node:os';
import { decoderOf, shownBy } from './decoding.ts';

const errno = decoderOf({ name: 'errno' });

test.each([
  ['1', 'EPERM'],
  ['2', 'ENOENT'],
  ['32', 'EPIPE'],
  ['-32', 'EPIPE'],
  ['11', 'EAGAIN'],
  ['35', 'EDEADLK'],
  ['95', 'EOPNOTSUPP'],
  ['133', 'EHWPOISON'],
  ['0', 'unknown:0'],
  ['41', 'unknown:41'],
  ['134', 'unknown:134'],
  ['512', 'unknown:512'],
  ['EPIPE', 'unknown:EPIPE'],
  ['', 'unknown:'],
])('%s is %s', (input, shown) => {
  expect(shownBy(errno, input)).toBe(shown);
});

test('has what Node knows, by one of its names', () => {
  const byNumber = Map.groupBy(Object.entries(constants.errno), ([, number]) => number);
  expect(byNumber.size).toBeGreaterThan(70);
  for (const [number, entries] of byNumber) {
    expect(entries.map(([name]) => name)).toContain(shownBy(errno, String(number)));
  }
});
