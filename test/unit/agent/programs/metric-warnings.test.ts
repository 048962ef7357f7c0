import { MetricWarnings } from '../../../../agent/programs/metric-warnings.ts';
import { LogLines } from '../../../fakes/log-lines.ts';

let log: LogLines;
let conflicts: Record<string, string>;
let limits: Record<string, string>;
let warnings: MetricWarnings;
beforeEach(() => {
  log = new LogLines();
  conflicts = {};
  limits = {};
  warnings = new MetricWarnings({ conflict: (ref) => conflicts[ref], limited: (ref) => limits[ref] }, log.logger);
});

/** What was logged since the last time. */
const logged = (): string[] =>
  log.lines.splice(0).map(({ level, bpf, reason, msg }) => `${level} ${bpf} ${reason}: ${msg}`);

test('a warning is logged when it begins and when it ends, and in between not again', () => {
  warnings.update(['ns/a', 'ns/b']);
  expect(logged()).toEqual([]);
  conflicts = { 'ns/b': 'bpf_x is taken' };
  limits = { 'ns/a': 'too many', 'ns/b': 'too many' };
  warnings.update(['ns/a', 'ns/b']);
  warnings.update(['ns/a', 'ns/b']);
  expect(logged()).toEqual([
    'warn ns/a SeriesLimited: too many',
    'warn ns/b MetricConflict: bpf_x is taken',
    'warn ns/b SeriesLimited: too many',
  ]);
  conflicts = { 'ns/b': 'bpf_y is taken' };
  limits = { 'ns/b': 'too many' };
  warnings.update(['ns/a', 'ns/b']);
  expect(logged()).toEqual([
    'warn ns/b MetricConflict: bpf_y is taken',
    'info ns/a SeriesLimited: no longer so: too many',
    'info ns/b MetricConflict: no longer so: bpf_x is taken',
  ]);
});

test('what is unloaded has no warnings any more; when it comes back they are told anew', () => {
  limits = { 'ns/a': 'too many' };
  warnings.update(['ns/a']);
  warnings.update([]);
  warnings.update(['ns/a']);
  expect(logged()).toEqual([
    'warn ns/a SeriesLimited: too many',
    'info ns/a SeriesLimited: no longer so: too many',
    'warn ns/a SeriesLimited: too many',
  ]);
});
