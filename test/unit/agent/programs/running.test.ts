import type { Failure } from '../../../../agent/programs/failure.ts';
import { warningOf } from '../../../../agent/programs/running.ts';
import type { WantedProgram } from '../../../../agent/source/source.ts';
import type { ProgramEntry } from '../../../../crds/load-config.ts';

const programs: ProgramEntry[] = [{ name: 'maybe', required: false }, { firstOf: ['first', 'second'] }];
const wish: WantedProgram = {
  ...{ ref: 'ns/a', namespace: 'ns', name: 'a', uid: 'u', createdAt: '2026-01-01T00:00:00Z', revision: '1' },
  payload: { sha256: '', sizeBytes: 0 },
  template: { programs },
  fetch: () => Promise.reject(new Error('not for this')),
};
const failure: Failure = { reason: 'AttachTargetMissing', message: 'there is no x here', transient: true };

/** What is said of a BPF that runs without these programs. */
const warning = (refused: string[], conflict?: string, limited?: string) =>
  warningOf({ wish, refused: new Map(refused.map((name) => [name, failure])) }, conflict, limited);

test.each<[string, string[], string | undefined, object]>([
  ['everything runs', [], undefined, {}],
  ['a twin runs in place of another', ['first'], undefined, {}],
  [
    'an optional program is off',
    ['first', 'maybe'],
    undefined,
    { reason: 'OptionalProgramFailed', message: 'program maybe is off: there is no x here' },
  ],
  ['metrics meet', [], 'bpf_x is taken', { reason: 'MetricConflict', message: 'bpf_x is taken' }],
  [
    'both: metrics that are missing go first',
    ['maybe'],
    'bpf_x is taken',
    { reason: 'MetricConflict', message: 'bpf_x is taken; program maybe is off: there is no x here' },
  ],
])('%s', (_what, refused, conflict, expected) => {
  expect(warning(refused, conflict)).toEqual(expected);
});

test('more series than it may have: said behind a conflict, before programs that are off', () => {
  expect(warning([], undefined, 'too many')).toEqual({ reason: 'SeriesLimited', message: 'too many' });
  expect(warning(['maybe'], undefined, 'too many')).toEqual({
    reason: 'SeriesLimited',
    message: 'too many; program maybe is off: there is no x here',
  });
  expect(warning([], 'bpf_x is taken', 'too many')).toEqual({
    reason: 'MetricConflict',
    message: 'bpf_x is taken; too many',
  });
});
