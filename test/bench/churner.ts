import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

/** The C program that inserts and deletes keys (churn.c), from its start until it is told to end. */
export class Churner implements AsyncDisposable {
  readonly #process;
  readonly #printed: Promise<string>;
  readonly #exited: Promise<unknown>;
  ended = false;

  /** `pin` is the map's; it works at this rate, or as fast as the machine lets it. */
  constructor(binary: string, pin: string, operationsPerSecond: number) {
    this.#process = spawn(binary, [pin, String(operationsPerSecond)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#printed = text(this.#process.stdout);
    this.#exited = once(this.#process, 'exit').finally(() => {
      this.ended = true;
    });
  }

  /** Ends it, and returns how many inserts and deletes a second it did. */
  async end(): Promise<number> {
    this.#process.stdin.end();
    await this.#exited;
    const [operations, seconds] = (await this.#printed).trim().split(' ').map(Number);
    if (!operations || !seconds) throw new Error(`churn ended with ${this.#process.exitCode} before it was told to`);
    return operations / seconds;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.ended) this.#process.kill('SIGKILL');
    await this.#exited;
  }
}
