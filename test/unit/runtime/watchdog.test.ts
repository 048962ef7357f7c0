import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const watchdog = fileURLToPath(new URL('../../../runtime/watchdog.ts', import.meta.url));

const run = async (body: string) => {
  const program = `
    const { startWatchdog } = await import(${JSON.stringify(watchdog)});
    const blockMs = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
    const dog = startWatchdog({ limitMs: 300, message: 'event loop stands still' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    ${body}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [stderr, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return {
    code: code as number | null,
    signal: signal as string | null,
    said: stderr.includes('event loop stands still'),
  };
};

describe('the watchdog', () => {
  test.each([
    [
      'kills a process whose event loop stands still for longer than the limit',
      'blockMs(10_000);',
      { code: null, signal: 'SIGKILL', said: true },
    ],
    [
      'lets live who comes back in time, and does not keep a process alive',
      'blockMs(50);',
      { code: 0, signal: null, said: false },
    ],
    [
      'looks no more after it was disposed',
      'dog[Symbol.dispose](); blockMs(1_000);',
      { code: 0, signal: null, said: false },
    ],
  ])('%s', async (_, body, outcome) => {
    expect(await run(body)).toEqual(outcome);
  });
});
