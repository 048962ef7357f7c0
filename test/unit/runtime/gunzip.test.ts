import { gzipSync } from 'node:zlib';
import { gunzip } from '../../../runtime/gunzip.ts';

describe('gunzip', () => {
  test.each([
    [0, 1],
    [99, 100],
    [100, 100],
  ])('%i bytes within a limit of %i', (sizeBytes, limitBytes) => {
    expect(gunzip(gzipSync(new Uint8Array(sizeBytes)), limitBytes)?.length).toBe(sizeBytes);
  });

  test.each([
    [101, 100],
    [64 * 1024 * 1024, 100],
  ])('%i bytes are past a limit of %i', (sizeBytes, limitBytes) => {
    expect(gunzip(gzipSync(new Uint8Array(sizeBytes)), limitBytes)).toBeUndefined();
  });

  test('members in a row are one content, and count together', () => {
    const two = Buffer.concat([gzipSync('ab'), gzipSync('cd')]);
    expect(Buffer.from(gunzip(two, 4) ?? []).toString()).toBe('abcd');
    expect(gunzip(two, 3)).toBeUndefined();
  });

  test.each([
    ['cut', gzipSync('text').subarray(0, 12), /unexpected end of file/],
    ['something else', Buffer.from('text'), /incorrect header check/],
    ['changed', Buffer.from(gzipSync('text')).fill(0, 14, 18), /./],
  ])('%s is an error', (_what, bytes, message) => {
    expect(() => gunzip(bytes, 100)).toThrow(message);
  });
});
