import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../apiserver/harness/eventually.ts';

/** Where these are mounted (proc_pid_mountinfo(5)): the v2 hierarchy, and on hybrid hosts the memory controller's. */
function hierarchies(): { readonly unified: string; readonly memory: string | undefined } {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => ({ path: line.split(' ')[4] ?? '', system: line.split(' - ')[1]?.split(' ') ?? [] }));
  const unified = mounts.find(({ system: [type] }) => type === 'cgroup2')?.path;
  if (unified === undefined) throw new Error('no cgroup2 is mounted');
  const memory = mounts.find(({ system: [type, , options = ''] }) => type === 'cgroup' && /\bmemory\b/.test(options));
  return { unified, memory: memory?.path };
}

/** A cgroup of version 2 of the test's own; where version 1 has the memory controller, one there beside it. */
export class OwnCgroup implements AsyncDisposable {
  readonly path: string;
  readonly #memory: string;

  constructor() {
    const { unified, memory } = hierarchies();
    this.path = join(unified, `kube-bpf-test-${process.pid}`);
    this.#memory = join(memory ?? unified, `kube-bpf-test-${process.pid}`);
    for (const folder of this.#folders) mkdirSync(folder);
  }

  /** What its processes may have, before the kernel kills one of them; nobody else is touched. */
  limitMemory(bytes: number): void {
    const file = ['memory.limit_in_bytes', 'memory.max'].find((name) => existsSync(join(this.#memory, name)));
    if (file === undefined) throw new Error(`${this.#memory} has no memory controller`);
    writeFileSync(join(this.#memory, file), String(bytes));
  }

  /** Runs a shell in it, which itself was started outside. */
  run(script: string): SpawnSyncReturns<Buffer> {
    const moves = this.#folders.map((folder) => `echo $$ >${folder}/cgroup.procs`);
    return spawnSync('/bin/sh', ['-c', [...moves, script].join('\n')]);
  }

  get #folders(): string[] {
    return [...new Set([this.path, this.#memory])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // EBUSY until the kernel is through with those who were in it.
    for (const folder of this.#folders) {
      await eventually(`${folder} to be empty`, () => {
        rmdirSync(folder);
        return true;
      });
    }
  }
}
