import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import type { KubeObject } from '../../../../runtime/kube/objects.ts';
import { readWatch, type WatchEvent } from '../../../../runtime/kube/watch-stream.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';

const object = (name: string): KubeObject => ({
  metadata: { name, uid: 'u', resourceVersion: '7', creationTimestamp: '' },
});
const lineOf = (type: string, value: unknown) => `${JSON.stringify({ type, object: value })}\n`;

const open = (idleLimitMs = 1_000) => {
  const clock = new ManualClock();
  const body = new PassThrough();
  const options = { name: 'GET /x', clock, idleLimitMs, signal: undefined };
  return { clock, body, events: readWatch(body as unknown as IncomingMessage, options) };
};

const collect = async (events: AsyncIterable<WatchEvent<KubeObject>>) => {
  const seen: string[] = [];
  for await (const event of events) seen.push(event.type === 'BOOKMARK' ? event.type : event.object.metadata.name);
  return seen;
};

describe('readWatch', () => {
  const text = Buffer.from(
    lineOf('ADDED', object('ä€😀')) + lineOf('MODIFIED', object('b')) + lineOf('BOOKMARK', object('')),
  );

  test.each([1, 2, 3, 7, 64, 10_000])('a stream in chunks of %d bytes', async (chunkBytes) => {
    const { body, events } = open();
    for (let start = 0; start < text.length; start += chunkBytes) body.write(text.subarray(start, start + chunkBytes));
    body.end();
    expect(await collect(events)).toEqual(['ä€😀', 'b', 'BOOKMARK']);
  });

  test.each([
    ['null', 'null\n'],
    ['a list', '[]\n'],
    ['no object', '{"type":"ADDED"}\n'],
    ['an empty line', '\n'],
    ['an unknown type', lineOf('SYNC', object('a'))],
    ['no metadata', lineOf('ADDED', {})],
    ['a version that is no text', lineOf('ADDED', { metadata: { resourceVersion: 7 } })],
    ['an end within a line', '{"type"'],
  ])('%s is a BadResponse', async (_, line) => {
    const { body, events } = open();
    body.end(line);
    await expect(collect(events)).rejects.toMatchObject({ code: 'BadResponse' });
    expect(body.closed).toBe(true);
  });

  test.each([
    [410, 'Expired', 'Gone'],
    [500, 'InternalError', 'ServerError'],
    [403, 'Forbidden', 'Forbidden'],
  ])('ERROR %d is what that status is elsewhere', async (code, reason, wanted) => {
    const { body, events } = open();
    body.write(lineOf('ERROR', { kind: 'Status', code, reason, message: 'm' }));
    await expect(collect(events)).rejects.toMatchObject({ code: wanted, facts: { status: code, reason } });
    expect(body.closed).toBe(true);
  });

  test('ERROR may say how long to stay away', async () => {
    const { body, events } = open();
    const details = { retryAfterSeconds: 4 };
    body.write(lineOf('ERROR', { kind: 'Status', code: 429, reason: 'TooManyRequests', message: 'm', details }));
    await expect(collect(events)).rejects.toMatchObject({ code: 'TooManyRequests', facts: { retryAfterMs: 4_000 } });
  });

  test('a line without end is given up at its limit, whatever comes after', async () => {
    const { body, events } = open();
    body.write('"');
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    for (let mebibytes = 0; mebibytes < 16; mebibytes++) body.write(chunk);
    await expect(collect(events)).rejects.toMatchObject({ code: 'BadResponse' });
  });

  test('silence ends it, bytes put that off, half a line or a whole one', async () => {
    const { clock, body, events } = open(1_000);
    let error: unknown;
    const done = collect(events).catch((thrown: unknown) => {
      error = thrown;
    });
    for (const bytes of [lineOf('ADDED', object('a')), '{"type":']) {
      await clock.advance(999);
      body.write(bytes);
      await clock.advance(0);
    }
    await clock.advance(999);
    expect(error).toBeUndefined();
    await clock.advance(1);
    await done;
    expect(error).toMatchObject({ code: 'ConnectionFailed', message: 'watch GET /x: no bytes for 1 s' });
    expect(clock.pending).toBe(0);
  });

  test('leaving the loop closes the stream before going on', async () => {
    const { clock, body, events } = open();
    body.write(lineOf('ADDED', object('a')));
    for await (const event of events) {
      expect(event.type).toBe('ADDED');
      break;
    }
    expect(body.closed).toBe(true);
    expect(clock.pending).toBe(0);
  });
});
