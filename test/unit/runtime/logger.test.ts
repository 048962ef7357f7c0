import { CodedError } from '../../../runtime/errors.ts';
import { createLogger } from '../../../runtime/logger.ts';

test('a line is JSON with level, name, time, and an error with its code, facts and causes', () => {
  const lines: string[] = [];
  const logger = createLogger({ name: 'prog', level: 'info', destination: { write: (line) => lines.push(line) } });
  const error = new CodedError('NotThere', 'open x: no such file', { path: 'x' }, new Error('ENOENT'));
  logger.debug('not this');
  logger.info({ a: 1 }, 'hello');
  logger.error({ err: error }, 'failed');
  logger.error({ err: 'text' }, 'failed oddly');
  const [first, second, third] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(first).toMatchObject({ level: 'info', name: 'prog', a: 1, msg: 'hello' });
  expect(first?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  expect(second?.['err']).toMatchObject({
    code: 'NotThere',
    facts: { path: 'x' },
    message: expect.stringContaining('ENOENT'),
  });
  expect(third?.['err']).toEqual({ type: 'string', message: 'text' });
  expect(lines).toHaveLength(3);
});
