import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { stringify } from 'yaml';
import { type DirectoryContent, DirectoryReader } from '../../../../agent/source/directory-reader.ts';
import { uidOf } from '../../../../agent/source/directory-wishes.ts';
import { machineFacts } from '../../../../agent/source/machine-facts.ts';
import { maxFileBytes } from '../../../../agent/source/manifest-file.ts';
import { storedMaxBytes } from '../../../../bpf/revision/limits.ts';
import { sha256 } from '../../../../runtime/sha256.ts';
import { compileBpf } from '../../../fixtures/compile.ts';
import { minimalElf } from '../../../fixtures/elf-builder.ts';
import { ManifestFolderFixture } from '../../../fixtures/manifest-folder.ts';

const elf = minimalElf();
const otherElf = minimalElf({ sections: [{ name: '.comment', data: [1, 2, 3] }] });

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bpf = (name: string, more: { spec?: object; metadata?: object; root?: object } = {}) => ({
  apiVersion: 'bpf.sh/v1alpha1',
  kind: 'BPF',
  metadata: { name, ...more.metadata },
  spec: { program: { valueFrom: { configMapKeyRef: { name, key: 'x.o' } } }, ...more.spec },
  ...more.root,
});
const configMap = (name: string, bytes: Uint8Array = elf, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  binaryData: { 'x.o': base64(bytes) },
});
const yaml = (...documents: readonly object[]) =>
  documents.map((document) => stringify(document, { version: '1.1' })).join('---\n');

/** A folder and its reader, node n1. */
class Setup extends ManifestFolderFixture {
  readonly reader = new DirectoryReader(this.path, machineFacts('n1', 'x64'));
  #last: DirectoryContent | undefined;

  /** What the folder says now, whether or not that is news. */
  async now(): Promise<DirectoryContent> {
    this.#last = (await this.reader.read()) ?? this.#last;
    if (this.#last === undefined) throw new Error('the first reading must answer');
    return this.#last;
  }

  async facts() {
    const { wishes, problems } = await this.now();
    return {
      wanted: wishes.wanted.map(({ ref }) => ref),
      rejected: wishes.rejected.map(({ ref, reason }) => [ref, reason]),
      problems: problems.map(({ file, document }) => [file, document]),
      complete: wishes.complete,
    };
  }
}

const clean = { rejected: [], problems: [], complete: true };

describe('what is wanted', () => {
  test('a BPF with its object, in one file or in several, in any order', async () => {
    using folder = new Setup();
    folder.write('b.yaml', yaml(bpf('b'), configMap('b')));
    folder.write('a-map.yml', yaml(configMap('a')));
    folder.write('z.json', JSON.stringify(bpf('a')));
    folder.write('notes.txt', 'not: [yaml');
    folder.write('.b.yaml.swp', 'not: [yaml');
    folder.write('.hidden.yaml', 'not: [yaml');
    mkdirSync(join(folder.path, 'below'));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a', 'default/b'] });
  });

  test('its facts, and its bytes', async () => {
    using folder = new Setup();
    folder.write(
      'a.yaml',
      yaml(bpf('a', { metadata: { namespace: 'tracing' } }), configMap('a', elf, { namespace: 'tracing' })),
    );
    const [wish] = (await folder.now()).wishes.wanted;
    expect(wish).toMatchObject({
      ref: 'tracing/a',
      namespace: 'tracing',
      name: 'a',
      uid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      createdAt: '1970-01-01T00:00:00Z',
      revision: expect.stringMatching(/^[0-9a-f]{8}$/),
      payload: { sha256: sha256(elf), sizeBytes: elf.length },
    });
    expect(await wish?.fetch(new AbortController().signal)).toEqual(elf);
  });

  test('its uid, by which pinned maps are found again, never changes', () => {
    expect(uidOf('default/pkts')).toBe('2545cd0d-fc0b-82ad-a09c-841f43db2569');
  });

  test('the same after a restart', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    const facts = async (reader: DirectoryReader) =>
      (await reader.read())?.wishes.wanted.map(({ uid, revision }) => [uid, revision]);
    const first = await facts(folder.reader);
    expect(first).toHaveLength(1);
    expect(await facts(new DirectoryReader(folder.path, machineFacts('n1', 'x64')))).toEqual(first);
  });

  test('a gzipped object arrives inflated', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a', gzipSync(elf))));
    const [wish] = (await folder.now()).wishes.wanted;
    expect(wish?.payload).toEqual({ sha256: sha256(elf), sizeBytes: elf.length });
    expect(await wish?.fetch(new AbortController().signal)).toEqual(elf);
  });

  test('base64 text in data', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), { ...configMap('a'), binaryData: null, data: { 'x.o': base64(elf) } }));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a'] });
  });

  test('a List is unfolded, one in another too; status and other kinds do not matter', async () => {
    using folder = new Setup();
    const list = (...items: object[]) => ({ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items });
    folder.write(
      'a.yaml',
      yaml(
        list(
          bpf('a', { root: { status: { whatever: 1 } } }),
          list(configMap('a'), { apiVersion: 'v1', kind: 'Service' }),
        ),
      ),
    );
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a'] });
    expect((await folder.now()).skipped).toEqual(['a.yaml: v1 Service']);
  });

  test('what kubectl get -o yaml gives back', async () => {
    using folder = new Setup();
    const metadata = {
      uid: 'u',
      resourceVersion: '7',
      generation: 1,
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' },
    };
    folder.write('a.yaml', yaml(bpf('a', { metadata }), configMap('a', elf, metadata)));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a'] });
  });

  test.each<[string, object, boolean]>([
    ['suspend', { suspend: true }, false],
    ['not suspended', { suspend: false }, true],
    ['this host', { nodeSelector: { 'kubernetes.io/hostname': 'n1' } }, true],
    ['another host', { nodeSelector: { 'kubernetes.io/hostname': 'n2' } }, false],
    ['this system', { nodeSelector: { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' } }, true],
    ['another processor', { nodeSelector: { 'kubernetes.io/arch': 'arm64' } }, false],
    ['a label that nobody knows here', { nodeSelector: { pool: 'a' } }, false],
    [
      'a node name',
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
            },
          },
        },
      },
      true,
    ],
  ])('%s decides', async (_what, spec, wanted) => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a', { spec }), configMap('a')));
    expect(await folder.facts()).toEqual({ ...clean, wanted: wanted ? ['default/a'] : [] });
  });
});

describe('a wrong BPF is rejected with file, document and field, and hurts no other', () => {
  const bad = (document: object) => yaml({ apiVersion: 'v1', kind: 'Service' }, document, configMap('bad'));
  test.each<[string, string, string, RegExp]>([
    [
      'an unknown field',
      bad(bpf('bad', { spec: { programm: 1 } })),
      'InvalidManifest',
      /^read bad\.yaml, document 2 \(line \d+\): BPF default\/bad: spec\.programm: unknown field$/,
    ],
    [
      'a wrong type',
      bad(bpf('bad', { spec: { suspend: 'yes' } })),
      'InvalidManifest',
      /bad\.yaml, document 2 .*: spec\.suspend: /,
    ],
    [
      'another version',
      bad(bpf('bad', { root: { apiVersion: 'bpf.sh/v1' } })),
      'InvalidManifest',
      /bad\.yaml, document 2 .*: apiVersion: /,
    ],
    [
      'a misspelt kind',
      bad(bpf('bad', { root: { kind: 'BFP' } })),
      'InvalidManifest',
      /bad\.yaml, document 2 .*: kind: /,
    ],
    ['no spec', bad(bpf('bad', { root: { spec: null } })), 'InvalidManifest', /bad\.yaml, document 2 .*: spec: /],
    [
      'in a List',
      yaml({ apiVersion: 'v1', kind: 'List', items: [configMap('bad'), bpf('bad', { spec: { x: 1 } })] }),
      'InvalidManifest',
      /bad\.yaml, document 1 \(line 1\), item 2: BPF default\/bad: spec\.x: unknown field/,
    ],
    [
      'no ConfigMap',
      bad(bpf('bad', { metadata: { namespace: 'elsewhere' } })),
      'ConfigMapNotFound',
      /read ConfigMap elsewhere\/bad: not found \(bad\.yaml, document 2/,
    ],
    [
      'no such key',
      yaml(bpf('bad'), { ...configMap('bad'), binaryData: { 'y.o': '', 'z.o': '' } }),
      'KeyNotFound',
      /no such key; it has y\.o, z\.o/,
    ],
    ['an empty object', yaml(bpf('bad'), configMap('bad', new Uint8Array())), 'NotAnELF', /empty/],
    ['text', yaml(bpf('bad'), configMap('bad', Buffer.from('hello'))), 'NotAnELF', /bad\.yaml, document 1/],
    ['no base64', yaml(bpf('bad'), { ...configMap('bad'), binaryData: { 'x.o': '*' } }), 'NotAnELF', /not base64/],
    ['half an object', yaml(bpf('bad'), configMap('bad', elf.subarray(0, elf.length - 1))), 'InvalidObject', /x\.o/],
    [
      'more than a ConfigMap holds',
      yaml(bpf('bad'), configMap('bad', new Uint8Array(storedMaxBytes + 1))),
      'PayloadTooLarge',
      /more than 1048576 bytes/,
    ],
    [
      'a gzip bomb',
      yaml(bpf('bad'), configMap('bad', gzipSync(new Uint8Array(17 * 1024 * 1024)))),
      'PayloadTooLarge',
      /after gunzip/,
    ],
    [
      'another digest',
      bad(
        bpf('bad', {
          spec: { program: { sha256: '00'.repeat(32), valueFrom: { configMapKeyRef: { name: 'bad', key: 'x.o' } } } },
        }),
      ),
      'DigestMismatch',
      /its sha256 is/,
    ],
    [
      'a wrong ConfigMap',
      yaml(bpf('bad'), { ...configMap('bad'), binaryData: { 'x.o': 7 } }),
      'InvalidManifest',
      /bad\.yaml, document 2 .*: ConfigMap default\/bad: binaryData\.x\.o: /,
    ],
  ])('%s', async (_what, text, reason, message) => {
    using folder = new Setup();
    folder.write('a-good.yaml', yaml(bpf('good'), configMap('good')));
    folder.write('bad.yaml', text);
    const { wishes } = await folder.now();
    expect(wishes.wanted.map(({ ref }) => ref)).toEqual(['default/good']);
    expect(wishes.rejected).toEqual([
      { ref: expect.stringMatching(/\/bad$/), reason, message: expect.stringMatching(message) },
    ]);
    expect(wishes.complete).toBe(true);
  });

  test('one that nobody asks for is only wrong: suspended, with an object that is none', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a', { spec: { suspend: true } })));
    expect(await folder.facts()).toEqual({ ...clean, wanted: [] });
  });
});

describe('what cannot be told to be about anything is a problem with file and document', () => {
  test.each<[string, string, RegExp, boolean]>([
    ['YAML that does not parse', 'a: [', /^read bad\.yaml, document 1: line 1: /, false],
    [
      'a BPF without a name',
      yaml(bpf('x', { root: { metadata: {} } })),
      /^read bad\.yaml, document 1 \(line 1\): metadata\.name: /,
      false,
    ],
    ['a BPF with a name that none can have', yaml(bpf('Bad')), /metadata\.name: /, false],
    ['a namespace that none can be', yaml(bpf('x', { metadata: { namespace: 'A' } })), /metadata\.namespace: /, false],
    ['a BPF without apiVersion', yaml({ kind: 'BPF' }), /apiVersion: required/, false],
    ['a List of nothing', 'apiVersion: v1\nkind: List\nitems: 7', /items: not a list/, false],
    ['another kind of document', 'services:\n  web: {}', /kind: required/, true],
    ['a list', '- a\n- b', /not an object/, true],
    ['text', 'hello', /not an object/, true],
  ])('%s', async (_what, text, message, complete) => {
    using folder = new Setup();
    folder.write('good.yaml', yaml(bpf('good'), configMap('good')));
    folder.write('bad.yaml', text);
    const { wishes, problems } = await folder.now();
    expect(wishes.wanted.map(({ ref }) => ref)).toEqual(['default/good']);
    expect(problems).toEqual([{ file: 'bad.yaml', document: 1, message: expect.stringMatching(message) }]);
    // A BPF may be meant: until that is known, nothing may be taken for deleted.
    expect(wishes.complete).toBe(complete);
  });

  test('a broken document leaves the others of its file', async () => {
    using folder = new Setup();
    folder.write('a.yaml', `${yaml(bpf('a'), configMap('a'))}---\nkind: "BPF\n---\n${yaml(bpf('b'), configMap('b'))}`);
    expect(await folder.facts()).toEqual({
      wanted: ['default/a', 'default/b'],
      rejected: [],
      problems: [['a.yaml', 3]],
      complete: false,
    });
  });
});

describe('an edit', () => {
  test('of how the object is loaded is a new revision, which says it', async () => {
    using folder = new Setup();
    const configuredElf = compileBpf(join(import.meta.dirname, '../../../fixtures/kernel/configured.bpf.c'));
    const wished = async (spec: object) => {
      folder.write('a.yaml', yaml(bpf('a', { spec }), configMap('a', configuredElf)));
      const { wanted, rejected } = (await folder.now()).wishes;
      expect(rejected).toEqual([]);
      return wanted[0];
    };
    const said = {
      globals: { only_pid: 1 },
      maps: [{ name: 'labels', maxEntries: 2 }],
      programs: [{ name: 'by_raw' }],
    };
    const specs = [{}, { globals: said.globals }, { maps: said.maps }, { programs: said.programs }, said];
    const revisions = new Set<string | undefined>();
    for (const spec of specs) {
      const wish = await wished(spec);
      expect(wish?.template).toEqual(Object.keys(spec).length === 0 ? undefined : spec);
      revisions.add(wish?.revision);
    }
    expect(revisions.size).toBe(specs.length);
    expect((await wished({ globals: {}, maps: [], programs: [] }))?.revision).toBe((await wished({}))?.revision);
  });

  test('of the object is a new revision, of anything else none', async () => {
    using folder = new Setup();
    const revision = async () => (await folder.now()).wishes.wanted.map((wish) => wish.revision);
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    const first = await revision();
    folder.write('a.yaml', yaml(bpf('a', { metadata: { labels: { x: 'y' } } }), configMap('a')));
    expect(await revision()).toEqual(first);
    folder.write('a.yaml', yaml(bpf('a'), configMap('a', otherElf)));
    const second = await revision();
    expect(second).toHaveLength(1);
    expect(second).not.toEqual(first);
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    expect(await revision()).toEqual(first);
  });

  test('is read where size, time or inode differ, and nothing is read twice', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    expect(await folder.reader.read()).toBeDefined();
    expect(await folder.reader.read()).toBeUndefined();
    utimesSync(join(folder.path, 'a.yaml'), 1, 1);
    expect(await folder.reader.read()).toBeDefined();
    expect(await folder.reader.read()).toBeUndefined();
    folder.write('new', yaml(bpf('b'), configMap('b')));
    renameSync(join(folder.path, 'new'), join(folder.path, 'a.yaml'));
    expect((await folder.reader.read())?.wishes.wanted).toMatchObject([{ ref: 'default/b' }]);
  });

  test('that breaks the manifest rejects it; what is deleted is gone', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a'] });
    folder.write('a.yaml', yaml(bpf('a', { spec: { x: 1 } }), configMap('a')));
    expect(await folder.facts()).toEqual({ ...clean, wanted: [], rejected: [['default/a', 'InvalidManifest']] });
    folder.write('a.yaml', yaml(bpf('a')));
    expect(await folder.facts()).toEqual({ ...clean, wanted: [], rejected: [['default/a', 'ConfigMapNotFound']] });
    folder.remove('a.yaml');
    expect(await folder.facts()).toEqual({ ...clean, wanted: [] });
  });

  test('that breaks the YAML keeps what the file gave, and takes what other documents of it say', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a'), bpf('b'), configMap('b')));
    const before = (await folder.now()).wishes.wanted;
    folder.write('a.yaml', `${yaml(configMap('b', otherElf))}---\n{`);
    const { wishes } = await folder.now();
    expect(wishes.complete).toBe(false);
    expect(wishes.wanted.map(({ ref }) => ref)).toEqual(['default/a', 'default/b']);
    expect(wishes.wanted[0]?.revision).toBe(before[0]?.revision);
    expect(wishes.wanted[1]?.payload.sha256).toBe(sha256(otherElf));
    folder.write('a.yaml', yaml(bpf('b'), configMap('b')));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/b'] });
  });

  test('that takes the name out of a BPF does not take the BPF away', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    await folder.now();
    folder.write('a.yaml', yaml(bpf('a', { root: { metadata: {} } }), configMap('a')));
    expect(await folder.facts()).toEqual({
      wanted: ['default/a'],
      rejected: [],
      problems: [['a.yaml', 1]],
      complete: false,
    });
  });
});

describe('what cannot be read keeps what it last gave', () => {
  const made = (path: string) => {
    writeFileSync(path, '');
    return path;
  };
  test.each<[string, (path: string) => void, RegExp]>([
    ['bytes that are no UTF-8', (path) => writeFileSync(path, Uint8Array.of(0xff, 0xfe)), /encoded data was not valid/],
    ['more than a file may have', (path) => truncateSync(made(path), maxFileBytes + 1), /larger than 16777216 bytes/],
    ['a symlink to nowhere', (path) => symlinkSync('nowhere', path), /ENOENT/],
    ['a folder', (path) => mkdirSync(path), /not a regular file/],
    ['a FIFO, which nobody writes to', (path) => execFileSync('mkfifo', [path]), /not a regular file/],
  ])('%s', async (_what, spoil, message) => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    await folder.now();
    folder.remove('a.yaml');
    spoil(join(folder.path, 'a.yaml'));
    const { wishes, problems } = await folder.now();
    expect(problems).toEqual([{ file: 'a.yaml', message: expect.stringMatching(message) }]);
    expect(wishes).toMatchObject({ wanted: [{ ref: 'default/a' }], complete: false });
    expect(await folder.reader.read()).toBeUndefined(); // the same problem is no news

    folder.remove('a.yaml');
    folder.write('a.yaml', yaml(bpf('b'), configMap('b')));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/b'] });
  });

  test('the folder itself', async () => {
    using folder = new Setup();
    folder.write('a.yaml', yaml(bpf('a'), configMap('a')));
    await folder.now();
    const away = `${folder.path}-away`;
    renameSync(folder.path, away);
    expect(await folder.facts()).toEqual({
      wanted: ['default/a'],
      rejected: [],
      problems: [[undefined, undefined]],
      complete: false,
    });
    expect(await folder.reader.read()).toBeUndefined();
    renameSync(away, folder.path);
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a'] });
  });

  test('a folder that was never there wants nothing, and proves nothing', async () => {
    const reader = new DirectoryReader('/nonexistent/manifests', machineFacts('n1'));
    expect(await reader.read()).toMatchObject({
      wishes: { wanted: [], rejected: [], complete: false },
      problems: [{ message: expect.stringMatching(/^read folder \/nonexistent\/manifests: ENOENT/) }],
    });
  });
});

describe('two documents with one name', () => {
  const facts = async (folder: Setup) => {
    const { wishes, problems } = await folder.now();
    return [
      wishes.wanted.map(({ payload }) => (payload.sha256 === sha256(elf) ? 'elf' : 'other')),
      problems.map(({ message }) => message),
    ];
  };
  const named = (map: string) =>
    bpf('x', { spec: { program: { valueFrom: { configMapKeyRef: { name: map, key: 'x.o' } } } } });
  const maps = yaml(configMap('one'), configMap('two', otherElf));
  const duplicate = (file: string, document: number, counts: RegExp) =>
    expect.stringMatching(
      new RegExp(`^read ${file}, document ${document} .*BPF default/x: already in ${counts.source}.*, which counts$`),
    );

  test('at the start the first by path counts, and the other is shown', async () => {
    using folder = new Setup();
    folder.write('maps.yaml', maps);
    folder.write('b.yaml', yaml(named('two')));
    folder.write('a.yaml', yaml(named('one')));
    expect(await facts(folder)).toEqual([['elf'], [duplicate('b.yaml', 1, /a\.yaml, document 1/)]]);
  });

  test('later the one that was there counts, whatever is written into either', async () => {
    using folder = new Setup();
    folder.write('maps.yaml', maps);
    folder.write('b.yaml', yaml(named('two')));
    expect(await facts(folder)).toEqual([['other'], []]);
    folder.write('a.yaml', yaml(named('one')));
    expect(await facts(folder)).toEqual([['other'], [duplicate('a.yaml', 1, /b\.yaml, document 1/)]]);
    folder.write('b.yaml', yaml(named('one'), { apiVersion: 'v1', kind: 'X' }));
    expect(await facts(folder)).toEqual([['elf'], [duplicate('a.yaml', 1, /b\.yaml/)]]);
    folder.remove('b.yaml');
    expect(await facts(folder)).toEqual([['elf'], []]);
  });

  test('in one file the document that did not change counts', async () => {
    using folder = new Setup();
    folder.write('maps.yaml', maps);
    folder.write('a.yaml', yaml(named('two')));
    await folder.now();
    folder.write('a.yaml', yaml(named('one'), named('two')));
    expect(await facts(folder)).toEqual([['other'], [duplicate('a.yaml', 1, /a\.yaml, document 2/)]]);
  });

  test('an edit that breaks the one that counts does not let the other in', async () => {
    using folder = new Setup();
    folder.write('maps.yaml', maps);
    folder.write('b.yaml', yaml(named('two')));
    await folder.now();
    folder.write('a.yaml', yaml(named('one')));
    folder.write('b.yaml', yaml(bpf('x', { spec: { y: 1 } })));
    expect(await folder.facts()).toEqual({
      wanted: [],
      rejected: [['default/x', 'InvalidManifest']],
      problems: [['a.yaml', 1]],
      complete: true,
    });
    folder.write('b.yaml', yaml(named('two'), { apiVersion: 'v1', kind: 'X' }));
    expect(await folder.facts()).toMatchObject({ wanted: ['default/x'], rejected: [] });
  });

  test('a wrong one never stands in the way of a good one', async () => {
    using folder = new Setup();
    folder.write('maps.yaml', maps);
    folder.write('a.yaml', yaml(bpf('x', { spec: { y: 1 } })));
    folder.write('b.yaml', yaml(named('two')));
    expect(await folder.facts()).toEqual({
      wanted: ['default/x'],
      rejected: [],
      problems: [['a.yaml', 1]],
      complete: true,
    });
  });

  test('ConfigMaps too', async () => {
    using folder = new Setup();
    folder.write('b.yaml', yaml(named('one'), configMap('one')));
    await folder.now();
    folder.write('a.yaml', yaml(configMap('one', otherElf)));
    expect(await facts(folder)).toEqual([
      ['elf'],
      [expect.stringMatching(/^read a\.yaml, document 1 .*ConfigMap default\/one: already in b\.yaml, document 2/)],
    ]);
  });

  test('in two namespaces they are two', async () => {
    using folder = new Setup();
    const one = { namespace: 'one' };
    folder.write('a.yaml', yaml(bpf('x'), configMap('x'), bpf('x', { metadata: one }), configMap('x', elf, one)));
    const { wishes } = await folder.now();
    expect(wishes.wanted.map(({ ref }) => ref)).toEqual(['default/x', 'one/x']);
    expect(new Set(wishes.wanted.flatMap(({ uid, revision }) => [uid, revision])).size).toBe(4);
  });
});

describe('a mounted ConfigMap', () => {
  test('is read through its symlinks, and an update is seen', async () => {
    using folder = new Setup();
    const at = (name: string) => join(folder.path, name);
    mkdirSync(at('..2026_01'));
    folder.write('..2026_01/a.yaml', yaml(bpf('a'), configMap('a')));
    symlinkSync('..2026_01', at('..data'));
    symlinkSync('..data/a.yaml', at('a.yaml'));
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/a'] });

    // As the kubelet's atomic writer does it.
    mkdirSync(at('..2026_02'));
    folder.write('..2026_02/a.yaml', yaml(bpf('b'), configMap('b')));
    symlinkSync('..2026_02', at('..data_tmp'));
    renameSync(at('..data_tmp'), at('..data'));
    folder.remove('..2026_01');
    expect(await folder.facts()).toEqual({ ...clean, wanted: ['default/b'] });
  });
});
