import { decoderOf, shownBy } from './decoding.ts';

const map = { '1': 'read', '2': 'write', '': 'empty' };

test.each([
  [false, '1', 'read'],
  [false, '', 'empty'],
  [false, '3', 'unknown:3'],
  [false, '01', 'unknown:01'],
  // What every object of JavaScript has is in no map.
  [false, 'constructor', 'unknown:constructor'],
  [true, '2', 'write'],
  [true, '3', '3'],
])('allowUnknown %s: %j is %j', (allowUnknown, input, shown) => {
  expect(shownBy(decoderOf({ name: 'static_map', map, allowUnknown }), input)).toBe(shown);
});

test('what is not in the map is not allowed unless it says so', () => {
  expect(shownBy(decoderOf({ name: 'static_map', map: {} }), 'x')).toBe('unknown:x');
});
