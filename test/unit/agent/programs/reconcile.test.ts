import type { Attachment } from '../../../../agent/kernel/attachment.ts';
import type { LoadedObject } from '../../../../agent/kernel/kernel-object.ts';
import { LoadRefused } from '../../../../agent/programs/failure.ts';
import { Reconciler } from '../../../../agent/programs/reconcile.ts';
import type { ProgramReport, WantedProgram, Wishes } from '../../../../agent/source/source.ts';
import { CodedError } from '../../../../runtime/errors.ts';
import { LogLines } from '../../../fakes/log-lines.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';

/** One node's kernel and metrics side: what is loaded, attached, pinned and exported, by revision. */
class Node {
  readonly clock = new ManualClock();
  readonly loaded = new Set<string>();
  readonly attached = new Set<string>();
  readonly exported = new Map<string, string>();
  readonly unpinned: string[] = [];
  readonly loads: string[] = [];
  readonly remembered = new Map<string, WantedProgram>();
  reports: readonly ProgramReport[] = [];
  /** By revision: what its load throws. */
  readonly broken = new Map<string, Error>();
  /** By revision: its attach is refused. */
  readonly unattachable = new Set<string>();
  /** No pin can be removed. */
  pinsRefused = false;
  /** By BPF: what the metrics side says of it. */
  readonly limited = new Map<string, string>();
  readonly log = new LogLines();
  hold: Promise<void> | undefined;
  readonly reconciler: Reconciler;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #reported = Promise.withResolvers<void>();

  constructor() {
    this.reconciler = new Reconciler({
      load: async (wish) => this.#load(wish),
      host: {
        hasBtf: true,
        hasKprobes: true,
        hasTracefs: true,
        missingCapabilities: [],
        seccomp: false,
        lockdown: 'none',
        perfEventParanoid: 2,
        securityModules: undefined,
        seesModuleBtf: true,
        memlockLimited: false,
      },
      lastGood: {
        remember: (good) => void this.remembered.set(good.ref, good),
        recall: (ref) => this.remembered.get(ref),
        sweep: (keep) => {
          for (const { ref, uid } of this.remembered.values()) if (!keep(ref, uid)) this.remembered.delete(ref);
        },
      },
      pins: {
        remove: (uid, keep) => {
          if (this.pinsRefused) throw new Error('EROFS: read-only file system');
          this.unpinned.push(keep === undefined ? uid : `${uid} but ${[...keep].join()}`);
        },
        sweep: () => {
          if (this.pinsRefused) throw new Error('EROFS: read-only file system');
          return [];
        },
      },
      attacher: {
        slotOf: () => undefined,
        attach: (program) => this.#attach(program.name),
      },
      metrics: {
        add: ({ wish }) => void this.exported.set(wish.ref, wish.revision),
        remove: (ref) => void this.exported.delete(ref),
        conflict: () => undefined,
        limited: (ref) => this.limited.get(ref),
      },
      observer: { loaded: () => undefined },
      clock: this.clock,
      random: () => 1,
      logger: this.log.logger,
      onReport: (reports) => {
        this.reports = reports;
        this.#reported.resolve();
        this.#reported = Promise.withResolvers();
      },
      beforeSwap: async () => this.hold,
    });
    this.#done = this.reconciler.run(this.#stop.signal);
  }

  /** Until the reports, as `ref@revision: state`, are these. */
  async until(...expected: string[]): Promise<void> {
    const now = () => this.reports.map(({ ref, revision, state }) => `${ref}@${revision}: ${state}`);
    while (JSON.stringify(now()) !== JSON.stringify(expected)) await this.#reported.promise;
  }

  /** What was logged of something, as `level: message`. */
  logged(text: string): string[] {
    const lines = this.log.lines.map(({ level, msg }) => `${level}: ${msg}`);
    return lines.filter((line) => line.includes(text));
  }

  apply(wanted: WantedProgram[], more: Partial<Wishes> = {}): void {
    this.reconciler.apply({ wanted, rejected: [], suspended: [], problems: 0, complete: true, ...more });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  #load(wish: WantedProgram) {
    const id = `${wish.ref}@${wish.revision}${wish.uid === 'second' ? ' second' : ''}`;
    this.loads.push(id);
    const error = this.broken.get(wish.revision);
    if (error !== undefined) throw error;
    this.loaded.add(id);
    const programs = [{ name: id, section: '', fd: 0, type: 0, attachType: 0 }];
    const object = { name: id, programs, [Symbol.dispose]: () => void this.loaded.delete(id) };
    return {
      object: object as unknown as LoadedObject,
      bytes: new Uint8Array(),
      plan: { tables: [], notes: [] },
      pinPaths: new Set([`/pins/${wish.uid}`]),
      refused: new Map(),
      warnings: [],
    };
  }

  #attach(id: string): Attachment {
    if (this.unattachable.has(id.slice(id.indexOf('@') + 1))) throw new Error('no place');
    this.attached.add(id);
    return {
      program: id,
      slot: undefined,
      replace: () => undefined,
      [Symbol.dispose]: () => void this.attached.delete(id),
    };
  }
}

const wish = (name: string, revision: string, uid = `uid-${name}`): WantedProgram => ({
  ref: `ns/${name}`,
  namespace: 'ns',
  name,
  uid,
  createdAt: '2026-01-01T00:00:00Z',
  revision,
  payload: { sha256: '', sizeBytes: 0 },
  fetch: async () => new Uint8Array(),
});

let node: Node;
beforeEach(() => {
  node = new Node();
});
afterEach(() => node.stop());

describe('reconciler', () => {
  test('what is wanted is loaded, attached, exported and reported; what is not any more is taken out with its pins', async () => {
    node.apply([wish('a', '1'), wish('b', '1')]);
    await node.until('ns/a@1: Ready', 'ns/b@1: Ready');
    expect([...node.attached]).toEqual(['ns/a@1', 'ns/b@1']);
    node.apply([wish('b', '1')]);
    await node.until('ns/b@1: Ready');
    expect([...node.attached]).toEqual(['ns/b@1']);
    expect([...node.loaded]).toEqual(['ns/b@1']);
    expect([...node.exported]).toEqual([['ns/b', '1']]);
    expect(node.unpinned.at(-1)).toBe('uid-a');
  });

  test('an incomplete list unloads nothing', async () => {
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    node.apply([wish('b', '1')], { complete: false });
    await node.until('ns/b@1: Ready');
    expect([...node.attached]).toEqual(['ns/a@1', 'ns/b@1']);
    expect(node.unpinned).not.toContain('uid-a');
  });

  test('a suspended BPF is taken out and keeps its pins', async () => {
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    node.apply([], { suspended: ['uid-a'] });
    await node.until();
    expect([...node.attached, ...node.exported.keys()]).toEqual([]);
    expect(node.unpinned).not.toContain('uid-a');
  });

  test('a rejected BPF goes on as it was', async () => {
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    node.apply([], { rejected: [{ ref: 'ns/a', reason: 'NotAnELF', message: '' }] });
    await node.until();
    expect([...node.attached]).toEqual(['ns/a@1']);
  });

  test('a new revision is loaded beside the old, which runs until the swap', async () => {
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    const gate = Promise.withResolvers<void>();
    node.hold = gate.promise;
    node.apply([wish('a', '2')]);
    await node.until('ns/a@2: Pending');
    while (!node.loaded.has('ns/a@2')) await new Promise(setImmediate);
    expect([...node.attached]).toEqual(['ns/a@1']);
    expect(node.exported.get('ns/a')).toBe('1');
    gate.resolve();
    await node.until('ns/a@2: Ready');
    expect([...node.attached]).toEqual(['ns/a@2']);
    expect([...node.loaded]).toEqual(['ns/a@2']);
    expect(node.unpinned).toEqual(['uid-a but /pins/uid-a', 'uid-a but /pins/uid-a']);
  });

  test('the first load takes away what an agent before left of other layouts, and nothing else', async () => {
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    expect(node.unpinned).toEqual(['uid-a but /pins/uid-a']);
  });

  test('pins that cannot be removed cost memory, not what runs', async () => {
    node.apply([wish('a', '1'), wish('b', '1')]);
    await node.until('ns/a@1: Ready', 'ns/b@1: Ready');
    node.pinsRefused = true;
    node.apply([wish('a', '2')]);
    await node.until('ns/a@2: Ready');
    expect([...node.attached]).toEqual(['ns/a@2']);
    expect([...node.loaded]).toEqual(['ns/a@2']);
    expect([...node.exported]).toEqual([['ns/a', '2']]);
  });

  test.each([
    ['load', (n: Node) => void n.broken.set('2', new Error('broken'))],
    ['attach', (n: Node) => void n.unattachable.add('2')],
  ])('a revision whose %s fails leaves the last good one at work, and hurts no other', async (_, breakIt) => {
    breakIt(node);
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    node.apply([wish('a', '2'), wish('b', '1')]);
    await node.until('ns/a@2: Failed', 'ns/b@1: Ready');
    expect([...node.attached].sort()).toEqual(['ns/a@1', 'ns/b@1']);
    expect([...node.loaded].sort()).toEqual(['ns/a@1', 'ns/b@1']);
    expect(node.exported.get('ns/a')).toBe('1');
    node.apply([wish('a', '1'), wish('b', '1')]);
    await node.until('ns/a@1: Ready', 'ns/b@1: Ready');
    node.apply([wish('a', '3'), wish('b', '1')]);
    await node.until('ns/a@3: Ready', 'ns/b@1: Ready');
    expect([...node.loaded].sort()).toEqual(['ns/a@3', 'ns/b@1']);
  });

  test('a failure that may pass is tried again, later and later; one that cannot is not', async () => {
    node.broken.set('1', new CodedError('PayloadUnavailable', 'gone', { ref: 'ns/a' }));
    node.broken.set('x', new LoadRefused('InvalidObject', 'bad', { ref: 'ns/b' }));
    node.apply([wish('a', '1'), wish('b', 'x')]);
    await node.until('ns/a@1: Failed', 'ns/b@x: Failed');
    const attempts = () => node.loads.filter((id) => id === 'ns/a@1').length;
    expect(attempts()).toBe(1);
    // With the longest jitter: after 2, 4, … 128 s, and the next after 256 s more.
    await node.clock.advance(300_000);
    expect(attempts()).toBe(8);
    await node.clock.advance(209_000);
    expect(attempts()).toBe(8);
    await node.clock.advance(2_000);
    expect(attempts()).toBe(9);
    expect(node.loads.filter((id) => id === 'ns/b@x')).toHaveLength(1);
    // The same words again are for whoever asks for them.
    expect(node.logged('gone')).toEqual(['warn: gone', ...Array<string>(8).fill('debug: gone')]);
    node.broken.set('1', new CodedError('PayloadUnavailable', 'still gone', { ref: 'ns/a' }));
    await node.clock.advance(300_000);
    expect(node.logged('still gone')).toEqual(['warn: still gone']);
    node.broken.delete('1');
    await node.clock.advance(300_000);
    await node.until('ns/a@1: Ready', 'ns/b@x: Failed');
  });

  test('that a BPF has too many series is logged in every mode, when the metrics side says so', async () => {
    node.apply([wish('a', '1')]);
    await node.until('ns/a@1: Ready');
    node.limited.set('ns/a', 'too many');
    node.reconciler.recheck();
    while (node.reports[0]?.reason !== 'SeriesLimited') await new Promise(setImmediate);
    node.reconciler.recheck();
    await new Promise(setImmediate);
    node.limited.clear();
    node.reconciler.recheck();
    while (node.reports[0]?.reason !== undefined) await new Promise(setImmediate);
    expect(node.logged('too many')).toEqual(['warn: too many', 'info: no longer so: too many']);
  });

  test('one BPF that is edited again and again does not keep the others waiting', async () => {
    node.apply([wish('a', '1'), wish('b', '1')]);
    await node.until('ns/a@1: Ready', 'ns/b@1: Ready');
    const gate = Promise.withResolvers<void>();
    node.hold = gate.promise;
    node.apply([wish('a', '2'), wish('b', '2')]);
    while (!node.loads.includes('ns/a@2')) await new Promise(setImmediate);
    node.apply([wish('a', '3'), wish('b', '2')]);
    gate.resolve();
    await node.until('ns/a@3: Ready', 'ns/b@2: Ready');
    expect(node.loads.slice(2)).toEqual(['ns/a@2', 'ns/b@2', 'ns/a@3']);
  });

  test('a BPF deleted and made again by the same name starts afresh', async () => {
    node.apply([wish('a', '1', 'first')]);
    await node.until('ns/a@1: Ready');
    node.apply([wish('a', '1', 'second')]);
    while (!node.unpinned.includes('first')) await new Promise(setImmediate);
    expect(node.reconciler.running.get('ns/a')?.wish.uid).toBe('second');
    expect([...node.attached]).toEqual(['ns/a@1 second']);
  });

  describe('after a restart', () => {
    test('a refused revision leaves the field to the last good one, and says so', async () => {
      node.remembered.set('ns/a', wish('a', '1'));
      node.broken.set('2', new LoadRefused('InvalidObject', 'bad', { ref: 'ns/a' }));
      node.apply([wish('a', '2')]);
      await node.until('ns/a@2: Failed');
      while (!node.attached.has('ns/a@1')) await new Promise(setImmediate);
      node.apply([wish('a', '2'), wish('b', '1')]);
      await node.until('ns/a@2: Failed', 'ns/b@1: Ready');
      expect(node.reports[0]?.message).toBe('bad (revision 1 goes on)');
      expect(node.exported.get('ns/a')).toBe('1');
    });

    test('so does one that cannot even be read', async () => {
      node.remembered.set('ns/a', wish('a', '1'));
      node.apply([], { rejected: [{ ref: 'ns/a', reason: 'NotAnELF', message: '' }] });
      while (!node.attached.has('ns/a@1')) await new Promise(setImmediate);
    });

    test('nothing comes back of a BPF that was made again, nor the refused revision itself', async () => {
      node.remembered.set('ns/a', wish('a', '1', 'old uid'));
      node.remembered.set('ns/b', wish('b', '2'));
      node.broken.set('2', new LoadRefused('InvalidObject', 'bad', { ref: 'ns/a' }));
      node.apply([wish('a', '2'), wish('b', '2'), wish('c', '1')]);
      await node.until('ns/a@2: Failed', 'ns/b@2: Failed', 'ns/c@1: Ready');
      expect([...node.attached]).toEqual(['ns/c@1']);
      expect(node.loads.filter((id) => id === 'ns/b@2')).toHaveLength(1);
    });

    test('what is gone is forgotten', async () => {
      node.remembered.set('ns/gone', wish('gone', '1'));
      node.remembered.set('ns/asleep', wish('asleep', '1'));
      node.apply([wish('a', '1')], { suspended: ['uid-asleep'] });
      await node.until('ns/a@1: Ready');
      expect([...node.remembered.keys()].sort()).toEqual(['ns/a', 'ns/asleep']);
    });
  });

  test('stopping detaches and unloads everything and unpins nothing', async () => {
    node.apply([wish('a', '1'), wish('b', '1')]);
    await node.until('ns/a@1: Ready', 'ns/b@1: Ready');
    const { reports } = node;
    await node.stop();
    expect([...node.attached, ...node.loaded, ...node.exported.keys()]).toEqual([]);
    expect(node.unpinned.filter((what) => !what.includes('but'))).toEqual([]);
    expect(node.reports).toBe(reports);
  });
});
