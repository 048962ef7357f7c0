import { Registry } from 'prom-client';
import { OperatorMetrics } from '../../../../operator/metrics.ts';
import { ObjectSource, type Resolution } from '../../../../operator/reconcile/object-source.ts';
import type { ConfigMapObject } from '../../../../operator/watch/resources.ts';
import { gunzip } from '../../../../runtime/gunzip.ts';
import { sha256 } from '../../../../runtime/sha256.ts';
import { minimalElf } from '../../../fixtures/elf-builder.ts';
import { bpfObject } from '../objects.ts';

const objectCalled = (note: string) => minimalElf({ sections: [{ name: '.note', data: [...Buffer.from(note)] }] });

/** One ConfigMap: as the API server has it, and as the watch has seen it so far. */
class Source {
  server: ConfigMapObject | undefined;
  watch: ConfigMapObject | undefined;
  pinned = true;
  reads = 0;
  readonly #source = new ObjectSource({
    client: {
      find: async () => {
        this.reads += 1;
        return this.server as never;
      },
    },
    configMaps: { get: () => this.watch },
    metrics: new OperatorMetrics(new Registry()),
    sha256,
    gunzip,
  });

  /** What came of it, whether bytes came with it, and how often the API server was asked. */
  async resolve(bpf = bpfObject()): Promise<string> {
    this.reads = 0;
    const resolution = await this.#source.resolve(bpf, () => this.pinned, new AbortController().signal);
    return `${summary(resolution)}, ${this.reads} reads`;
  }

  forget(): void {
    this.#source.forget('apps/b');
  }
}

const summary = ({ resolved, stored }: Resolution): string =>
  `${resolved.ok ? 'accepted' : resolved.reason}${stored === undefined ? '' : ' with bytes'}`;

function configMap(resourceVersion: string, bytes: Uint8Array = objectCalled('1')): ConfigMapObject {
  return {
    metadata: { namespace: 'apps', name: 'objects', uid: 'u', resourceVersion, creationTimestamp: '' },
    binaryData: { object: Buffer.from(bytes).toString('base64') },
  };
}

test('is read once, and again when it has changed', async () => {
  const source = new Source();
  source.server = source.watch = configMap('1');
  expect(await source.resolve()).toBe('accepted with bytes, 1 reads');
  expect(await source.resolve()).toBe('accepted, 0 reads');
  source.server = source.watch = configMap('2', Buffer.from('broken'));
  expect(await source.resolve()).toBe('NotAnELF, 1 reads');
  expect(await source.resolve()).toBe('NotAnELF, 0 reads');
  source.server = source.watch = undefined;
  expect(await source.resolve()).toBe('ConfigMapNotFound, 1 reads');
  expect(await source.resolve()).toBe('ConfigMapNotFound, 0 reads');
  source.server = source.watch = configMap('3');
  expect(await source.resolve()).toBe('accepted with bytes, 1 reads');
});

test('the watch has not heard of it yet: what the API server says counts, and the news is none', async () => {
  const source = new Source();
  source.server = configMap('1');
  expect(await source.resolve()).toBe('accepted with bytes, 1 reads');
  expect(await source.resolve()).toBe('accepted, 0 reads');
  source.watch = source.server;
  expect(await source.resolve()).toBe('accepted, 0 reads');
});

test('the watch is behind an edit', async () => {
  const source = new Source();
  source.watch = configMap('1');
  source.server = configMap('2');
  expect(await source.resolve()).toBe('accepted with bytes, 1 reads');
  expect(await source.resolve()).toBe('accepted, 0 reads');
  source.watch = source.server;
  expect(await source.resolve()).toBe('accepted, 0 reads');
});

test('the watch is behind a deletion', async () => {
  const source = new Source();
  source.watch = configMap('1');
  expect(await source.resolve()).toBe('ConfigMapNotFound, 1 reads');
  source.watch = undefined;
  expect(await source.resolve()).toBe('ConfigMapNotFound, 0 reads');
});

test('a copy that is gone is made of bytes that are read again', async () => {
  const source = new Source();
  source.server = source.watch = configMap('1');
  await source.resolve();
  source.pinned = false;
  expect(await source.resolve()).toBe('accepted with bytes, 1 reads');
});

test.each([
  [
    'another key',
    bpfObject({ program: { valueFrom: { configMapKeyRef: { name: 'objects', key: 'other' } } } }),
    'KeyNotFound, 1 reads',
  ],
  ['a pin', bpfObject({ program: { ...bpfObject().spec.program, sha256: '0'.repeat(64) } }), 'DigestMismatch, 1 reads'],
  ['another BPF of the same name', bpfObject({}, { uid: 'u-other' }), 'accepted with bytes, 1 reads'],
  ['a global', bpfObject({ globals: { min_us: 1 } }), 'UnknownGlobal, 1 reads'],
  ['a map', bpfObject({ maps: [{ name: 'm', maxEntries: 1 }] }), 'UnknownMap, 1 reads'],
  ['a program', bpfObject({ programs: [{ name: 'nope', enabled: false }] }), 'UnknownProgram, 1 reads'],
  ['suspended', bpfObject({ suspend: true }, { generation: 2 }), 'accepted, 0 reads'],
  ['another selector', bpfObject({ nodeSelector: { a: 'b' } }, { generation: 2 }), 'accepted, 0 reads'],
])('an edit of the BPF: %s', async (_, bpf, expected) => {
  const source = new Source();
  source.server = source.watch = configMap('1');
  await source.resolve();
  expect(await source.resolve(bpf)).toBe(expected);
});

test('what is forgotten is read again', async () => {
  const source = new Source();
  source.server = source.watch = configMap('1');
  await source.resolve();
  source.forget();
  expect(await source.resolve()).toBe('accepted with bytes, 1 reads');
});
