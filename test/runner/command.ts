import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

export interface CommandResult {
  readonly ok: boolean;
  /** stdout, then stderr unless that was shown as it came. */
  readonly output: string;
}

export interface CommandOptions {
  /** SIGKILL after this. */
  readonly timeoutMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  /** stderr goes to the person at once: it is progress of something long. */
  readonly showStderr?: boolean;
}

const defaultTimeoutMs = 120_000;

/** Runs a command to its end. One that cannot be started is a result too: the message says why. */
export async function command(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', options.showStderr ? 'inherit' : 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(options.env !== undefined && { env: options.env }),
  });
  try {
    const [stdout, stderr, [code, signal]] = await Promise.all([
      child.stdout === null ? '' : text(child.stdout),
      child.stderr === null ? '' : text(child.stderr),
      once(child, 'close'),
    ]);
    const ending = signal === null ? '' : `ended by ${signal}, after ${timeoutMs / 1000} s at most`;
    return { ok: code === 0, output: [stdout, stderr, ending].filter((part) => part !== '').join('\n') };
  } catch (thrown) {
    return { ok: false, output: `start ${file}: ${thrown instanceof Error ? thrown.message : String(thrown)}` };
  }
}

/** The first match in what a command says of itself, or a word that shows that it said nothing of the kind. */
export async function versionOf(file: string, args: readonly string[], pattern: RegExp): Promise<string> {
  const { output } = await command(file, args);
  return pattern.exec(output)?.[1] ?? 'of an unknown version';
}
