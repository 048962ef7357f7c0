import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DecoderEnv } from '../../agent/metrics/decoders/decoder-env.ts';
import { type Machine, thisMachine } from '../../agent/metrics/decoders/machine.ts';
import { systemClock } from '../../runtime/clock.ts';

/** Names of a large machine are read in small pieces: how much is dealt with in one turn of the event loop is counted. */

/** This machine, and the most of its answers, or bytes of files, that came in one turn. */
class CountedMachine implements Disposable {
  readonly machine: Machine;
  answers = 0;
  mostAnswersInTurn = 0;
  bytes = 0;
  mostBytesInTurn = 0;
  #answersInTurn = 0;
  #bytesInTurn = 0;
  #on = true;

  constructor() {
    const real = thisMachine(systemClock, () => undefined);
    const count = (bytes: number): void => {
      this.answers++;
      this.bytes += bytes;
      this.#answersInTurn++;
      this.#bytesInTurn += bytes;
    };
    this.machine = {
      ...real,
      read: async function* (path) {
        for await (const piece of real.read(path)) {
          count(piece.length);
          yield piece;
        }
      },
      stat: async (path) => {
        const answer = await real.stat(path);
        count(0);
        return answer;
      },
    };
    const turn = (): void => {
      this.mostAnswersInTurn = Math.max(this.mostAnswersInTurn, this.#answersInTurn);
      this.mostBytesInTurn = Math.max(this.mostBytesInTurn, this.#bytesInTurn);
      [this.#answersInTurn, this.#bytesInTurn] = [0, 0];
      if (this.#on) setImmediate(turn);
    };
    turn();
  }

  [Symbol.dispose](): void {
    this.#on = false;
  }
}

const cgroups = 5000;
const mount = readFileSync('/proc/self/mounts', 'utf8')
  .split('\n')
  .find((line) => line.split(' ')[2] === 'cgroup2')
  ?.split(' ')[1];

/** A cgroup with so many in it, for a while. */
class ManyCgroups implements Disposable {
  readonly paths: readonly string[];
  readonly #root: string;

  constructor(root: string) {
    this.#root = join(root, `kube-bpf-test-${process.pid}`);
    mkdirSync(this.#root);
    this.paths = Array.from({ length: cgroups }, (_, i) => join(this.#root, `pod${i}`));
    for (const path of this.paths) mkdirSync(path);
  }

  [Symbol.dispose](): void {
    for (const path of this.paths) rmdirSync(path);
    rmdirSync(this.#root);
  }
}

test('5,000 cgroups are found, 64 at a time at most', async () => {
  if (mount === undefined) throw new Error('no cgroup2 is mounted');
  using many = new ManyCgroups(mount);
  using counted = new CountedMachine();
  const { cgroups: names } = new DecoderEnv(counted.machine);
  await names.names.prepare();
  const wrong = many.paths.filter((path) => names.path(statSync(path, { bigint: true }).ino) !== path);
  expect(wrong).toEqual([]);
  expect(counted.answers).toBeGreaterThan(cgroups);
  expect(counted.mostAnswersInTurn).toBeLessThanOrEqual(64);
});

test("the kernel's symbols are read in pieces, each in its turn", async () => {
  using counted = new CountedMachine();
  const { symbols } = new DecoderEnv(counted.machine);
  await symbols.names.prepare();
  const [line = ''] = readFileSync('/proc/kallsyms', 'latin1')
    .split('\n')
    .filter((text) => / T schedule$/.test(text));
  const address = BigInt(`0x${line.split(' ')[0]}`);
  expect([symbols.at(address), symbols.around(address + 1n)]).toEqual(['schedule', 'schedule']);
  expect(counted.bytes).toBeGreaterThan(1 << 20);
  expect(counted.mostBytesInTurn).toBeLessThanOrEqual(1 << 17);
});

test("the kernel's enumerators too", async () => {
  using counted = new CountedMachine();
  const { enums } = new DecoderEnv(counted.machine);
  enums.want('req_op', true);
  await enums.names.prepare();
  expect(enums.of('req_op').get(1n)).toBe('REQ_OP_WRITE');
  expect(counted.bytes).toBe(statSync('/sys/kernel/btf/vmlinux').size);
  expect(counted.mostBytesInTurn).toBeLessThanOrEqual(1 << 18);
});

test('a network namespace with a name is found as soon as somebody asks for it', async () => {
  const { namespaces } = new DecoderEnv(thisMachine(systemClock, () => undefined));
  await namespaces.names.prepare();
  const name = `kube-bpf-test-${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  try {
    const { ino } = statSync(`/run/netns/${name}`, { bigint: true });
    namespaces.name(ino);
    await namespaces.names.prepare();
    expect(namespaces.name(ino)).toBe(name);
  } finally {
    execFileSync('ip', ['netns', 'delete', name]);
  }
});
