import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attach, slotOf } from '../../agent/kernel/attach.ts';
import { readHost } from '../../agent/kernel/host.ts';
import { Pins } from '../../agent/kernel/pins.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { Journal } from '../../agent/programs/journal.ts';
import { LastGood } from '../../agent/programs/last-good.ts';
import { load } from '../../agent/programs/load.ts';
import { Reconciler } from '../../agent/programs/reconcile.ts';
import type { Running } from '../../agent/programs/running.ts';
import type { ProgramReport, WantedProgram } from '../../agent/source/source.ts';
import type { ProgramEntry, RevisionTemplate } from '../../crds/load-config.ts';
import { systemClock } from '../../runtime/clock.ts';
import { LogLines } from '../fakes/log-lines.ts';
import { compileBpf } from '../fixtures/compile.ts';
import { callGetpgid } from './events.ts';
import { compileFixture } from './fixture.ts';
import { heldBy } from './held.ts';

const lib = loadLibbpf();
const object = compileFixture('configured');
const compileFixtureOf2019 = () =>
  compileBpf(join(import.meta.dirname, '../fixtures/legacy/pkts.bpf.c'), { btf: false });
/** A dot, so that it is seen that libbpf's names of sections are not taken apart at it. */
const ref = 'default/load.config';

/** Without the programs that no kernel takes. */
const off = (...names: string[]): ProgramEntry[] => names.map((name) => ({ name, enabled: false }));
const rawOnly = off('by_no_function', 'by_function', 'by_no_tracepoint', 'by_no_binary');
const counting = { only_pid: process.pid, enabled: true, steps: [1] };

/** The reconciler on the real kernel. */
class Machine implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'kube-bpf-config-'));
  readonly pins = new Pins(`/sys/fs/bpf/${this.folder.split('/').at(-1)}`, 'test');
  readonly log = new LogLines();
  readonly #reconciler: Reconciler;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #report = Promise.withResolvers<ProgramReport>();
  #revision = 0;
  readonly #elf: Uint8Array;

  constructor(elf: Uint8Array = object) {
    this.#elf = elf;
    const host = readHost();
    const { logger } = this.log;
    const journal = new Journal(this.folder, 'boot', 'test');
    this.#reconciler = new Reconciler({
      load: (wish, signal, refused) => load({ lib, host, journal, pins: this.pins }, wish, signal, refused),
      host,
      pins: this.pins,
      lastGood: new LastGood(join(this.folder, 'last-good'), logger),
      attacher: { attach: (program) => attach(lib, program), slotOf },
      metrics: { add: () => undefined, remove: () => undefined, conflict: () => undefined, limited: () => undefined },
      observer: { loaded: () => undefined },
      clock: systemClock,
      logger,
      onReport: ([report]) => {
        if (report !== undefined && report.state !== 'Pending') this.#report.resolve(report);
      },
    });
    this.#done = this.#reconciler.run(this.#stop.signal);
  }

  /** What the node says of the object, loaded so. */
  async run(template: RevisionTemplate): Promise<ProgramReport> {
    const revision = String(++this.#revision).padStart(8, '0');
    const wish: WantedProgram = {
      ...{ ref, namespace: 'default', name: 'load.config', uid: 'u', createdAt: '2026-01-01T00:00:00Z', revision },
      payload: { sha256: '', sizeBytes: this.#elf.length },
      template,
      fetch: async () => this.#elf,
    };
    this.#report = Promise.withResolvers();
    this.#reconciler.apply({ wanted: [wish], rejected: [], suspended: [], problems: 0, complete: true });
    const report = await this.#report.promise;
    expect(report.revision).toBe(revision);
    return report;
  }

  get running(): Running {
    const running = this.#reconciler.running.get(ref);
    if (running === undefined) throw new Error(`nothing runs: ${this.logged}`);
    return running;
  }

  get logged(): string {
    return this.log.lines.map(({ msg }) => msg).join('\n');
  }

  get programs(): string[] {
    return this.running.object.programs.map(({ name }) => name);
  }

  /** The only value of a section with one variable. */
  global(section: string): bigint {
    const map = this.running.object.maps.get(section);
    if (map === undefined) throw new Error(`no ${section}: ${[...this.running.object.maps.keys()].join()}`);
    const [key, value] = [Buffer.alloc(4), Buffer.alloc(map.strideBytes)];
    expect(map.read(map.newCursor(), key, value, 1)).toBe(1);
    return value.readBigUInt64LE();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.pins.removeAll();
    rmSync(this.folder, { recursive: true });
  }
}

test('nothing said: nothing counts, since its globals are off', async () => {
  await using machine = new Machine();
  expect(await machine.run({ programs: rawOnly })).toMatchObject({ state: 'Ready' });
  callGetpgid(3);
  expect(machine.programs).toEqual(['by_raw']);
  expect(machine.global('.bss')).toBe(0n);
  expect(machine.global('.data')).toBe(7n);
  expect(machine.running.object.maps.get('labels')?.maxEntries).toBe(1);
});

test('globals of each kind are what the program sees, and a map has the size that is said', async () => {
  await using machine = new Machine();
  const globals = { ...counting, steps: ['100', -1], mode: 'TWICE', label: 'nginx', start_total: '0x10' };
  const maps = [{ name: 'labels', maxEntries: 4096 }];
  expect(await machine.run({ globals, maps, programs: rawOnly })).toMatchObject({ state: 'Ready' });
  callGetpgid(3);
  expect(machine.global('.bss')).toBe(3n * 98n);
  expect(machine.global('.data')).toBe(16n + 3n);
  const labels = machine.running.object.maps.get('labels');
  expect(labels?.maxEntries).toBe(4096);
  const [key, value] = [Buffer.alloc(8), Buffer.alloc(8)];
  expect(labels?.read(labels.newCursor(), key, value, 1)).toBe(1);
  expect(key.toString()).toBe('nginx\0\0\0');
});

test('another value in .rodata keeps the counts; in .data, or another size of a map, that map starts anew', async () => {
  await using machine = new Machine();
  await machine.run({ globals: counting, programs: rawOnly });
  callGetpgid(2);
  await machine.run({ globals: { ...counting, steps: [10] }, programs: rawOnly });
  callGetpgid(1);
  expect([machine.global('.bss'), machine.global('.data')]).toEqual([12n, 10n]);
  const before = machine.running.pinPaths;
  await machine.run({
    globals: { ...counting, start_total: 100 },
    maps: [{ name: 'labels', maxEntries: 2 }],
    programs: rawOnly,
  });
  callGetpgid(1);
  expect([machine.global('.bss'), machine.global('.data')]).toEqual([13n, 101n]);
  const kinds = (paths: Iterable<string>) => Array.from(paths, (path) => path.split('/').at(-1)?.split('-')[0]).sort();
  expect(kinds(machine.running.pinPaths.difference(before))).toEqual(['_data', 'labels']);
});

test('an object of 2019: its map is resized by the name that its section gives', async () => {
  await using machine = new Machine(compileFixtureOf2019());
  expect(await machine.run({ maps: [{ name: 'packets', maxEntries: 7 }] })).toMatchObject({ state: 'Ready' });
  expect(machine.running.object.maps.get('packets')?.maxEntries).toBe(7);
});

test('twins: those that cannot be loaded or attached are passed over, and what is tried leaves nothing behind', async () => {
  await using machine = new Machine();
  const firstOf = ['by_no_function', 'by_packet', 'by_no_tracepoint', 'by_no_binary', 'by_btf', 'by_raw'];
  const report = await machine.run({ globals: counting, programs: [{ firstOf }, ...off('by_function')] });
  expect(report).toEqual({ ref, revision: report.revision, state: 'Ready' });
  expect(machine.programs).toEqual(['by_btf']);
  expect(heldBy(process.pid)).toMatchObject({ programs: 1, links: 1 });
  callGetpgid(4);
  expect(machine.global('.bss')).toBe(4n);
  for (const name of firstOf.slice(0, 4)) {
    expect(machine.logged).toContain(`program ${name} is off: `);
  }
});

test('fentry before raw_tp: the first where the kernel takes it, the second where it does not', async () => {
  await using machine = new Machine();
  const programs = [
    { firstOf: ['by_function', 'by_raw'] },
    ...off('by_no_function', 'by_no_tracepoint', 'by_no_binary'),
  ];
  expect(await machine.run({ programs })).toMatchObject({ state: 'Ready' });
  const refused = machine.running.refused.get('by_function');
  expect(machine.programs).toEqual([refused === undefined ? 'by_function' : 'by_raw']);
});

test('twins that all are refused: Failed, with what was said of each', async () => {
  await using machine = new Machine();
  const programs = [{ firstOf: ['by_no_function', 'by_no_binary'] }, ...off('by_function', 'by_no_tracepoint')];
  expect(await machine.run({ programs })).toMatchObject({
    state: 'Failed',
    reason: 'AttachTargetMissing',
    message: expect.stringMatching(
      /none of firstOf \[by_no_function, by_no_binary\] runs: .*no_such_function.*no\/such\/binary/,
    ),
  });
  expect(heldBy(process.pid)).toMatchObject({ programs: 0, links: 0 });
});

test('a program that is not required: Ready without it, and OptionalProgramFailed says why', async () => {
  await using machine = new Machine();
  const programs = [
    { name: 'by_no_tracepoint', required: false },
    { name: 'by_no_binary', required: false },
    { name: 'by_no_function', required: false },
    ...off('by_function'),
  ];
  expect(await machine.run({ globals: counting, programs })).toMatchObject({
    state: 'Ready',
    reason: 'OptionalProgramFailed',
    message: expect.stringMatching(
      /^program by_no_tracepoint is off: .*no_such_call.*; program by_no_function is off: .*; program by_no_binary is off: .*binary/,
    ),
  });
  expect(machine.programs).toEqual(['by_raw']);
  callGetpgid(2);
  expect(machine.global('.bss')).toBe(2n);
});

test('the same program, required: Failed', async () => {
  await using machine = new Machine();
  const programs = off('by_function', 'by_no_function', 'by_no_binary');
  expect(await machine.run({ programs })).toMatchObject({ state: 'Failed', reason: 'AttachTargetMissing' });
});

test('two programs at one tracepoint, not said to be twins: both run, and a warning says what that means', async () => {
  await using machine = new Machine();
  await machine.run({ globals: counting, programs: [...rawOnly, { name: 'by_btf', enabled: true }] });
  callGetpgid(1);
  expect(machine.global('.bss')).toBe(2n);
  expect(machine.logged).toMatch(/programs by_raw \(raw_tp\/sys_enter\) and by_btf .* would count twice/);
});
