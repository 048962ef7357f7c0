import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { attach, slotOf } from '../../agent/kernel/attach.ts';
import { readHost } from '../../agent/kernel/host.ts';
import type { KernelMap } from '../../agent/kernel/kernel-map.ts';
import { Pins } from '../../agent/kernel/pins.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { explain } from '../../agent/programs/failure.ts';
import { Journal } from '../../agent/programs/journal.ts';
import { LastGood } from '../../agent/programs/last-good.ts';
import { load } from '../../agent/programs/load.ts';
import { Reconciler } from '../../agent/programs/reconcile.ts';
import type { WantedProgram } from '../../agent/source/source.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createLogger } from '../../runtime/logger.ts';
import { callGetpgid } from './events.ts';
import { compileFixture } from './fixture.ts';
import { heldBy } from './held.ts';

const lib = loadLibbpf();
const ref = 'default/calls';

/** The reconciler on the real kernel, held wherever a load is verified and not yet in place. */
class Held implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'kube-bpf-replace-'));
  readonly pins = new Pins(`/sys/fs/bpf/${this.folder.split('/').at(-1)}`, 'test');
  readonly reconciler: Reconciler;
  maps: ReadonlyMap<string, KernelMap> = new Map();
  /** Resolves when a load stands at the point before the swap; `letGo` lets it on. */
  arrived = Promise.withResolvers<void>();
  letGo = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #waiting = new Map<string, () => void>();

  constructor() {
    const host = readHost();
    const journal = new Journal(this.folder, 'boot', 'test');
    this.reconciler = new Reconciler({
      load: (wish, signal, refused) => load({ lib, host, journal, pins: this.pins }, wish, signal, refused),
      host,
      pins: this.pins,
      lastGood: new LastGood(join(this.folder, 'last-good'), createLogger({ name: 'test', level: 'silent' })),
      attacher: { attach: (program) => attach(lib, program), slotOf },
      metrics: {
        add: ({ object }) => {
          this.maps = object.maps;
        },
        remove: () => undefined,
        conflict: () => undefined,
        limited: () => undefined,
      },
      observer: { loaded: () => undefined },
      clock: systemClock,
      logger: createLogger({ name: 'test', level: 'silent' }),
      beforeSwap: async () => {
        this.arrived.resolve();
        await this.letGo.promise;
      },
      onReport: (reports) => {
        for (const { revision, state } of reports) this.#waiting.get(`${revision} ${state}`)?.();
      },
    });
    this.#done = this.reconciler.run(this.#stop.signal);
  }

  /** Wishes for a revision; resolves when it stands before the swap. */
  async wish(revision: string, object: Uint8Array): Promise<void> {
    this.arrived = Promise.withResolvers();
    this.letGo = Promise.withResolvers();
    this.reconciler.apply({
      wanted: [this.wanted(revision, object)],
      rejected: [],
      suspended: [],
      problems: 0,
      complete: true,
    });
    await this.arrived.promise;
  }

  wanted(revision: string, object: Uint8Array): WantedProgram {
    return {
      ref,
      namespace: 'default',
      name: 'calls',
      uid: 'uid',
      createdAt: '2026-01-01T00:00:00Z',
      revision,
      payload: { sha256: '', sizeBytes: object.length },
      fetch: async () => object,
    };
  }

  /** Lets the load that stands before the swap go on; resolves when its revision is in that state. */
  async go(revision: string, state: 'Ready' | 'Failed'): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(`${revision} ${state}`, resolve);
    this.letGo.resolve();
    await promise;
  }

  /** What the exported map says of calls from this process. */
  counted(): number {
    const map = this.maps.get('getpgid_total');
    if (map === undefined) return 0;
    const [keys, values] = [Buffer.alloc(4 * 1024), Buffer.alloc(8 * 1024)];
    const count = map.read(map.newCursor(), keys, values, 1024);
    for (let i = 0; i < count; i++) {
      if (keys.readUInt32LE(i * 4) === process.pid) return Number(values.readBigUInt64LE(i * 8));
    }
    return 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.letGo.resolve();
    this.#stop.abort();
    await this.#done;
    this.pins.removeAll();
    rmSync(this.folder, { recursive: true });
  }
}

const revision = (n: number, more: string[] = []): Uint8Array =>
  compileFixture('getpgid', { defines: [`REVISION=${n}`, ...more] });

test('a tracepoint counts every call while its successor is loaded and waits, and none twice after', async () => {
  await using held = new Held();
  await held.wish('1', revision(1));
  callGetpgid(5); // nothing is attached yet
  await held.go('1', 'Ready');
  expect(held.counted()).toBe(0);
  callGetpgid(10);
  expect(held.counted()).toBe(10);

  await held.wish('2', revision(2));
  callGetpgid(1000);
  expect(held.counted()).toBe(1010);
  expect(heldBy(process.pid)).toMatchObject({ programs: 2, links: 1 });
  await held.go('2', 'Ready');
  expect(held.counted()).toBe(1010);
  callGetpgid(10);
  expect(held.counted()).toBe(1020);
  expect(heldBy(process.pid)).toMatchObject({ programs: 1, links: 1 });
});

test('a successor that cannot be attached: the old one goes on, on the same counters', async () => {
  await using held = new Held();
  await held.wish('1', revision(1));
  await held.go('1', 'Ready');
  callGetpgid(10);
  await held.wish(
    '2',
    compileFixture('getpgid', { hook: 'tracepoint/syscalls/sys_enter_nope', defines: ['REVISION=2'] }),
  );
  await held.go('2', 'Failed');
  callGetpgid(10);
  expect(held.counted()).toBe(20);
  expect(heldBy(process.pid)).toMatchObject({ programs: 1, links: 1 });
});

test('a successor with other maps starts from zero, after the old one has counted to the end', async () => {
  await using held = new Held();
  await held.wish('1', revision(1));
  await held.go('1', 'Ready');
  callGetpgid(10);
  await held.wish('2', revision(2, ['OTHER_KEY']));
  callGetpgid(10);
  expect(held.counted()).toBe(20);
  await held.go('2', 'Ready');
  callGetpgid(3);
  const map = held.maps.get('getpgid_total');
  expect(map?.keySizeBytes).toBe(8);
  const [keys, values] = [Buffer.alloc(8 * 1024), Buffer.alloc(8 * 1024)];
  const count = map?.read(map.newCursor(), keys, values, 1024) ?? 0;
  const mine = Array.from({ length: count }, (_, i) => i).find(
    (i) => keys.readBigUInt64LE(i * 8) === BigInt(process.pid),
  );
  expect(mine === undefined ? undefined : values.readBigUInt64LE(mine * 8)).toBe(3n);
});

test('an object with CO-RE relocations on a kernel without BTF is refused before it is loaded, by name', async () => {
  await using held = new Held();
  const object = compileFixture('core-missing');
  const wish = { ...held.wanted('1', object), ref: 'tracing/core' };
  const journal = new Journal(held.folder, 'boot', 'test');
  const host = { ...readHost(), hasBtf: false };
  const thrown = await load({ lib, host, journal, pins: held.pins }, wish, AbortSignal.timeout(10_000)).catch(
    (error: unknown) => error,
  );
  expect(explain(thrown, host)).toEqual({
    reason: 'BTFMissing',
    message: expect.stringMatching(/^load tracing\/core: the object has CO-RE relocations and this kernel no BTF/),
    transient: false,
  });
});
