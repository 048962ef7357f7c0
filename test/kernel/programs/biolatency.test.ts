import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { libraryManifest } from '../../fixtures/library.ts';
import { AgentHome, type RunningAgent } from '../agent-process.ts';

const writes = 200;
const reads = 120;

/** A file as a block device, and what the kernel has counted of it since (Documentation/block/stat.rst). */
class LoopDevice implements Disposable {
  readonly path = execFileSync('losetup', ['--find'], { encoding: 'utf8' }).trim();
  readonly name = basename(this.path);
  readonly #before = this.#stat();

  constructor(file: string) {
    writeFileSync(file, '');
    truncateSync(file, 8 << 20);
    execFileSync('losetup', [this.path, file]);
  }

  get requests(): { readonly read: number; readonly write: number } {
    const [now, before] = [this.#stat(), this.#before];
    return { read: now.read - before.read, write: now.write - before.write };
  }

  #stat() {
    const fields = readFileSync(`/sys/block/${this.name}/stat`, 'utf8').trim().split(/\s+/).map(Number);
    return { read: fields[0] ?? 0, write: fields[4] ?? 0 };
  }

  [Symbol.dispose](): void {
    execFileSync('losetup', ['--detach', this.path]);
  }
}

let home: AgentHome;
let agent: RunningAgent;
beforeAll(async () => {
  home = new AgentHome();
  const manifest = libraryManifest('biolatency');
  home.write('device.yaml', manifest);
  const renamed = manifest.replaceAll(/^( +name: )biolatency$/gm, '$1with-queue');
  home.write('with-queue.yaml', renamed.replace(/^spec:\n/m, 'spec:\n  globals: {include_queue: true}\n'));
  agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '2');
});
afterAll(() => home[Symbol.asyncDispose]());

test('requests of a disk are timed, as many as the kernel itself counts', async () => {
  using disk = new LoopDevice(join(home.folder, 'disk'));
  const dd = (...args: string[]) => execFileSync('dd', ['bs=4096', ...args], { stdio: 'ignore' });
  const began = performance.now();
  dd('if=/dev/zero', `of=${disk.path}`, `count=${writes}`, 'oflag=direct');
  dd('of=/dev/null', `if=${disk.path}`, `count=${reads}`, 'iflag=direct');
  const seconds = (performance.now() - began) / 1000;

  const { requests } = disk;
  expect(requests.write).toBe(writes);
  expect(requests.read).toBeGreaterThanOrEqual(reads); // somebody may look what the new disk is
  for (const bpf of ['biolatency', 'with-queue']) {
    const own = `bpf_name="${bpf}",bpf_namespace="default",node="n1"`;
    for (const operation of ['read', 'write'] as const) {
      const labels = `{${own},device="${disk.name}",operation="${operation}"}`;
      expect(await agent.value(`bpf_block_io_seconds_count${labels}`)).toBe(String(requests[operation]));
      const sum = Number(await agent.value(`bpf_block_io_seconds_sum${labels}`));
      expect(sum).toBeGreaterThan(0);
      expect(sum).toBeLessThan(seconds); // dd waits for each request before it makes the next
    }
    expect(await agent.value(`bpf_block_io_uncounted_total{${own}}`)).toBe('0');
  }
});
