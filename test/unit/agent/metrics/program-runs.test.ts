import { ProgramRunMetrics, type RunSource } from '../../../../agent/metrics/program-runs.ts';

const bpf = { namespace: 'ns', name: 'b' };

/** A kernel whose programs are numbers of the test's, by fd; one that is not there cannot be read. */
class Kernel implements RunSource {
  counting = true;
  readonly figures = new Map<number, readonly [count: bigint, durationNs: bigint]>();

  of({ fd }: { fd: number }): { count: bigint; durationNs: bigint } {
    const [count, durationNs] = this.figures.get(fd) ?? [];
    if (count === undefined || durationNs === undefined) throw new Error(`no fd ${fd}`);
    return { count, durationNs };
  }
}

function metrics(): { kernel: Kernel; runs: ProgramRunMetrics; lines: () => string[]; unread: unknown[] } {
  const kernel = new Kernel();
  const unread: unknown[] = [];
  const runs = new ProgramRunMetrics('n"1', kernel, (error) => unread.push(error));
  return { kernel, runs, unread, lines: () => runs.text().split('\n').slice(0, -1) };
}

const seconds = (program: string, value: string): string =>
  `bpf_agent_program_run_seconds_total{bpf_namespace="ns",bpf_name="b",program="${program}",node="n\\"1"} ${value}`;
const total = (program: string, value: string): string =>
  `bpf_agent_program_run_total{bpf_namespace="ns",bpf_name="b",program="${program}",node="n\\"1"} ${value}`;

test('each program has its run time and its runs', () => {
  const { kernel, runs, lines } = metrics();
  kernel.figures.set(3, [7n, 1_500_000_000n]).set(4, [0n, 0n]);
  runs.add('ns/b', bpf, [
    { name: 'on_enter', fd: 3 },
    { name: 'on_exit', fd: 4 },
  ]);
  expect(lines()).toEqual([
    '# HELP bpf_agent_program_run_seconds_total Time that the program ran, over all CPUs.',
    '# TYPE bpf_agent_program_run_seconds_total counter',
    seconds('on_enter', '1.5'),
    seconds('on_exit', '0'),
    '# HELP bpf_agent_program_run_total Runs of the program.',
    '# TYPE bpf_agent_program_run_total counter',
    total('on_enter', '7'),
    total('on_exit', '0'),
  ]);
});

test.each([
  [0n, '0'],
  [1n, '0.000000001'],
  [999_999_999n, '0.999999999'],
  [1_000_000_000n, '1'],
  [1_000_000_010n, '1.00000001'],
  [2n ** 64n - 1n, '18446744073.709551615'],
])('%s ns are %s s', (durationNs, shown) => {
  const { kernel, runs, lines } = metrics();
  kernel.figures.set(3, [2n ** 64n - 1n, durationNs]);
  runs.add('ns/b', bpf, [{ name: 'p', fd: 3 }]);
  expect(lines()).toEqual(expect.arrayContaining([seconds('p', shown), total('p', '18446744073709551615')]));
});

test('nothing while the kernel does not count, and the kernel is not asked', () => {
  const { kernel, runs, unread } = metrics();
  runs.add('ns/b', bpf, [{ name: 'p', fd: 3 }]);
  kernel.counting = false;
  expect(runs.text()).toBe('');
  expect(unread).toEqual([]);
});

test('nothing without programs', () => {
  const { runs } = metrics();
  expect(runs.text()).toBe('');
  runs.add('ns/b', bpf, []);
  expect(runs.text()).toBe('');
});

test('a revision goes on where the one before was, also one after another; a program that is new to it starts at zero', () => {
  const { kernel, runs, lines } = metrics();
  kernel.figures.set(3, [100n, 5n]).set(4, [9n, 9n]);
  runs.add('ns/b', bpf, [
    { name: 'p', fd: 3 },
    { name: 'gone', fd: 4 },
  ]);
  // What ran between the last scrape and the replacement counts too.
  kernel.figures.set(3, [150n, 6n]).set(5, [0n, 0n]).set(6, [1n, 1n]);
  runs.add('ns/b', bpf, [
    { name: 'p', fd: 5 },
    { name: 'new', fd: 6 },
  ]);
  kernel.figures.delete(3);
  expect(lines().filter((line) => line.includes('run_total{'))).toEqual([total('p', '150'), total('new', '1')]);
  kernel.figures.set(5, [20n, 1n]).set(7, [2n, 1n]);
  runs.add('ns/b', bpf, [{ name: 'p', fd: 7 }]);
  kernel.figures.set(7, [3n, 1n]);
  expect(lines().filter((line) => line.startsWith('bpf_'))).toEqual([seconds('p', '0.000000008'), total('p', '173')]);
});

test('a BPF that is removed takes its series with it, and comes back at zero', () => {
  const { kernel, runs, lines } = metrics();
  kernel.figures.set(3, [100n, 5n]);
  runs.add('ns/b', bpf, [{ name: 'p', fd: 3 }]);
  runs.remove('ns/b');
  expect(runs.text()).toBe('');
  kernel.figures.set(3, [1n, 5n]);
  runs.add('ns/b', bpf, [{ name: 'p', fd: 3 }]);
  expect(lines()).toContain(total('p', '1'));
});

test('a name twice in one object is one series', () => {
  const { kernel, runs, lines } = metrics();
  kernel.figures.set(3, [1n, 1n]).set(4, [2n, 2n]);
  runs.add('ns/b', bpf, [
    { name: 'p', fd: 3 },
    { name: 'p', fd: 4 },
  ]);
  expect(lines().filter((line) => line.includes('run_total{'))).toHaveLength(1);
});

test('a program that the kernel does not tell of costs its own series, and is told', () => {
  const { kernel, runs, lines, unread } = metrics();
  kernel.figures.set(4, [2n, 2n]);
  runs.add('ns/b', bpf, [
    { name: 'p', fd: 3 },
    { name: 'q', fd: 4 },
  ]);
  expect(lines().filter((line) => line.startsWith('bpf_'))).toEqual([seconds('q', '0.000000002'), total('q', '2')]);
  expect(unread).toEqual([new Error('no fd 3'), new Error('no fd 3')].slice(0, unread.length));
  expect(unread.length).toBe(1);
});
