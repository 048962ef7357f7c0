import { fileURLToPath } from 'node:url';
import { run } from '../apiserver/harness/run.ts';

const bench = fileURLToPath(new URL('../bench/run.ts', import.meta.url));

describe('the benchmark', () => {
  test('of scrapes runs, and finds the C program and the agent to serve the same series', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [bench, '--only', 'scrape', '--quick']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const rows = stdout.split('\n').filter((line) => /\d\.\d\d \(\d+\.\d\d\).* ×/.test(line));
    expect(rows.map((row) => row.slice(0, row.search(/ {2}/)))).toEqual([
      'hash 100',
      'hash 1,000',
      'hash 10,000',
      'per-CPU array 1,000',
      'histograms 1,000 × 27 slots',
    ]);
  }, 60_000);

  test('of churn runs, and the agent gets nothing wrong', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [bench, '--only', 'churn', '--quick']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const [title = '', , agent = ''] = stdout.trim().split('\n');
    expect(Number(/under ([\d,]+) /.exec(title)?.[1]?.replaceAll(',', ''))).toBeGreaterThan(10_000);
    const [name, scrapes, , rows, ...faults] = agent.split(/ {2,}/);
    expect({ name, scrapes, faults }).toEqual({ name: 'agent', scrapes: '5', faults: ['0', '0', '0', '0'] });
    expect(Number(rows?.replaceAll(',', ''))).toBeGreaterThan(5 * 10_000);
  }, 60_000);

  test.each([
    [['--help'], 0],
    [['--only', 'nothing'], 64],
    [['--applies', '0'], 64],
  ])('says how it is used: %j', async (args, code) => {
    expect(await run(process.execPath, [bench, ...args])).toMatchObject({
      code,
      stdout: '',
      stderr: expect.stringMatching(/^usage: /),
    });
  });
});
