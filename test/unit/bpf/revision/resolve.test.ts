import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { objectMaxBytes, storedMaxBytes } from '../../../../bpf/revision/limits.ts';
import type { ConfigMapContent } from '../../../../bpf/revision/read-payload.ts';
import { resolve } from '../../../../bpf/revision/resolve.ts';
import type { Bpf } from '../../../../crds/bpf.ts';
import type { RejectionReason } from '../../../../crds/reasons.ts';
import { gunzip } from '../../../../runtime/gunzip.ts';
import { sha256 } from '../../../../runtime/sha256.ts';
import { compileBpf } from '../../../fixtures/compile.ts';

const deps = { sha256, gunzip };
const fixture = (name: string) => fileURLToPath(new URL(`../../../fixtures/${name}`, import.meta.url));

const elf = compileBpf(fixture('legacy/pkts.bpf.c'), { btf: false });
const digest = sha256(elf);

const bpf = (pinned?: string): Bpf => ({
  apiVersion: 'bpf.sh/v1alpha1',
  kind: 'BPF',
  metadata: { name: 'pkts-bpf', namespace: 'default' },
  spec: {
    program: {
      valueFrom: { configMapKeyRef: { name: 'pkts-config', key: 'pkts.o' } },
      ...(pinned && { sha256: pinned }),
    },
    suspend: false,
  },
});

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const binary = (bytes: Uint8Array): ConfigMapContent => ({ binaryData: { 'pkts.o': base64(bytes) } });
const bytesOf = (text: string) => new TextEncoder().encode(text);
const wrapped = (text: string) => text.replaceAll(/.{76}/g, '$&\n');

/** The object with some bytes changed. */
const patched = (changes: Record<number, number>) => {
  const copy = elf.slice();
  for (const [offset, byte] of Object.entries(changes)) copy[Number(offset)] = byte;
  return copy;
};
/** The object with zeros behind it: ELF does not mind. */
const padded = (sizeBytes: number) => {
  const copy = new Uint8Array(sizeBytes);
  copy.set(elf);
  return copy;
};
/** Of `sizeBytes` in all, whatever gzip makes of the content: RFC 1952 allows a file name of any length in the header. */
const gzipOfSize = (sizeBytes: number, content: Uint8Array) => {
  const zipped = gzipSync(content);
  const name = new Uint8Array(sizeBytes - zipped.length).fill(0x61);
  name[name.length - 1] = 0;
  const header = zipped.subarray(0, 10);
  header[3] = 0x08; // FNAME
  return Buffer.concat([header, name, zipped.subarray(10)]);
};

describe('what makes a revision', () => {
  const zipped = gzipSync(elf);

  test.each<[string, Bpf, ConfigMapContent, Uint8Array]>([
    ['binaryData', bpf(), binary(elf), elf],
    ['base64 text in data', bpf(), { data: { 'pkts.o': base64(elf) } }, elf],
    ['the same in lines', bpf(), { data: { 'pkts.o': `${wrapped(base64(elf))}\n` } }, elf],
    ['binaryData before data', bpf(), { ...binary(elf), data: { 'pkts.o': 'else' } }, elf],
    ['gzip', bpf(), binary(zipped), zipped],
    ['gzip as base64 text', bpf(), { data: { 'pkts.o': base64(zipped) } }, zipped],
    ['a digest, of the ELF', bpf(digest), binary(elf), elf],
    ['a digest, of the ELF in the gzip', bpf(digest), binary(zipped), zipped],
  ])('%s', (_what, object, configMap, stored) => {
    const result = resolve(object, configMap, deps);
    if (!result.ok) throw new Error(result.message);
    const { payload, programs } = result.revision;
    expect(payload.sha256).toBe(digest);
    expect(payload.sizeBytes).toBe(elf.length);
    expect(Buffer.compare(payload.stored, stored)).toBe(0);
    expect(Buffer.compare(payload.elf, elf)).toBe(0);
    expect(programs).toEqual([{ name: expect.any(String), type: 'socket_filter', section: 'socket/prog' }]);
    expect(result.revision.object.maps.map(({ name }) => name)).toEqual(['packets']);
  });

  test('the talk pins nothing and has no namespace in its manifest', () => {
    const talk: Bpf = { ...bpf(), metadata: { name: 'pkts-bpf' } };
    expect(resolve(talk, binary(elf), deps).ok).toBe(true);
    expect(resolve(talk, undefined, deps)).toMatchObject({ message: 'read ConfigMap default/pkts-config: not found' });
  });

  test.each<[string, Uint8Array]>([
    ['1 MiB stored', padded(storedMaxBytes)],
    ['16 MiB inflated', gzipSync(padded(objectMaxBytes))],
    ['1 MiB of gzip', gzipOfSize(storedMaxBytes, elf)],
  ])('%s is not too large', (_what, stored) => {
    expect(resolve(bpf(), { data: { 'pkts.o': wrapped(base64(stored)) } }, deps)).toMatchObject({ ok: true });
  });
});

describe('what is rejected, and what the user reads', () => {
  const read = 'read key pkts.o of ConfigMap default/pkts-config:';
  const zipped = gzipSync(elf);

  const cases: [string, RejectionReason, string | RegExp, ConfigMapContent | undefined, string?][] = [
    ['no ConfigMap', 'ConfigMapNotFound', 'read ConfigMap default/pkts-config: not found', undefined],
    [
      'no such key',
      'KeyNotFound',
      `${read} no such key; it has a.o, readme`,
      { binaryData: { 'a.o': base64(elf) }, data: { readme: 'x' } },
    ],
    ['no key at all', 'KeyNotFound', `${read} no such key; it has none`, {}],
    [
      'very many keys',
      'KeyNotFound',
      `${read} no such key; it has k00, k01, k02, k03, k04, k05, k06, k07, k08, k09 and 2 more`,
      { data: Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`k${String(i).padStart(2, '0')}`, 'v'])) },
    ],
    ['nothing in binaryData', 'NotAnELF', `${read} empty`, binary(new Uint8Array())],
    ['nothing in data', 'NotAnELF', `${read} empty`, { data: { 'pkts.o': '\n' } }],
    ['nothing in a gzip', 'NotAnELF', `${read} empty after gunzip`, binary(gzipSync(''))],
    [
      'text that is no base64',
      'NotAnELF',
      `${read} data is not base64: character "#" at offset 0 [kubectl create configmap --from-file encodes it]`,
      { data: { 'pkts.o': '#include <linux/bpf.h>' } },
    ],
    [
      'base64 that was cut',
      'NotAnELF',
      /data is not base64: the text ends within a group of four at offset 101 \[/,
      { data: { 'pkts.o': base64(elf).slice(0, 101) } },
    ],
    [
      'C text in binaryData',
      'NotAnELF',
      /^read key pkts\.o of ConfigMap default\/pkts-config: read object: /,
      binary(bytesOf('#include <linux/bpf.h>\n')),
    ],
    [
      'half a gzip',
      'NotAnELF',
      `${read} gunzip: unexpected end of file`,
      binary(zipped.subarray(0, zipped.length >> 1)),
    ],
    ['something that starts as gzip does', 'NotAnELF', /gunzip: /, binary(new Uint8Array([0x1f, 0x8b, 1, 2, 3]))],
    [
      'one byte over 1 MiB',
      'PayloadTooLarge',
      `${read} more than 1048576 bytes, which is all that a ConfigMap holds [gzip it; up to 16777216 bytes inflated]`,
      binary(padded(storedMaxBytes + 1)),
    ],
    [
      'one byte over 1 MiB, gzipped',
      'PayloadTooLarge',
      /more than 1048576 bytes, which/,
      binary(gzipOfSize(storedMaxBytes + 1, elf)),
    ],
    [
      'text without end',
      'PayloadTooLarge',
      /more than 1048576 bytes, which/,
      { data: { 'pkts.o': '\n'.repeat(4 * storedMaxBytes + 1) } },
    ],
    [
      'one byte over 16 MiB inflated',
      'PayloadTooLarge',
      `${read} more than 16777216 bytes after gunzip`,
      binary(gzipSync(padded(objectMaxBytes + 1))),
    ],
    [
      'a gzip bomb',
      'PayloadTooLarge',
      `${read} more than 16777216 bytes after gunzip`,
      binary(gzipSync(new Uint8Array(256 * 1024 * 1024))),
    ],
    [
      'another digest',
      'DigestMismatch',
      `${read} its sha256 is ${digest}, spec.program.sha256 is ${'ab'.repeat(32)}`,
      binary(elf),
      'ab'.repeat(32),
    ],
    [
      'the digest of the gzip instead of the ELF',
      'DigestMismatch',
      `${read} its sha256 is ${digest}, spec.program.sha256 is ${sha256(zipped)}`,
      binary(zipped),
      sha256(zipped),
    ],
    [
      'another digest, said before the bytes are parsed',
      'DigestMismatch',
      /its sha256 is /,
      binary(bytesOf('no ELF')),
      digest,
    ],
    ['a 32-bit object', 'InvalidObject', /32-bit/, binary(patched({ 4: 1 }))],
    ['a big-endian object', 'InvalidObject', /big-endian/i, binary(patched({ 5: 2, 18: 0, 19: 0xf7 }))],
    ['an x86 object', 'InvalidObject', /x86/, binary(patched({ 18: 62, 19: 0 }))],
    [
      'key members that come out as one label',
      'InvalidMetric',
      /a_b.*a\.b/,
      binary(compileBpf(fixture('objects/alike.bpf.c'))),
    ],
    ['an object that was cut', 'InvalidObject', /./, binary(elf.subarray(0, elf.length - 1))],
    ['half an object', 'InvalidObject', /./, binary(elf.subarray(0, elf.length >> 1))],
    [
      'an object without programs',
      'InvalidObject',
      /program/,
      binary(compileBpf(fixture('objects/no-programs.bpf.c'))),
    ],
  ];

  test.each(cases.map((row) => [row[0], row[1], row] as const))('%s: %s', (_what, _reason, row) => {
    const [, reason, message, configMap, pinned] = row;
    const result = resolve(bpf(pinned), configMap, deps);
    expect(result).toMatchObject({ ok: false, reason });
    if (!result.ok)
      typeof message === 'string' ? expect(result.message).toBe(message) : expect(result.message).toMatch(message);
  });

  test('a line of spec.metrics that does not fit the object: InvalidMetric, with its path', () => {
    const declared = (metrics: Bpf['spec']['metrics']): Bpf => ({ ...bpf(), spec: { ...bpf().spec, metrics } });
    const series = (map: string) => ({ series: [{ name: 'packets_total', map, labels: [{ name: 'protocol' }] }] });
    expect(resolve(declared(series('packet')), binary(elf), deps)).toEqual({
      ok: false,
      reason: 'InvalidMetric',
      message: 'spec.metrics.series[0].map: no map packet in the object; there are: packets',
    });
    const result = resolve(declared(series('packets')), binary(elf), deps);
    if (!result.ok) throw new Error(result.message);
    expect(result.revision.plan.tables).toMatchObject([
      { map: 'packets', labels: [{ name: 'protocol' }], metrics: [{ family: 'bpf_packets_total', type: 'counter' }] },
    ]);
    expect(result.revision.template).toEqual({ metrics: series('packets') });
  });

  test.each([
    [16, undefined],
    [17, '; and 1 more'],
    [128, '; and 112 more'],
  ])('of %d faulty lines the first 16 are told', (count, end) => {
    const series = Array.from({ length: count }, (_, i) => ({ name: `m${i}`, map: 'packet' }));
    const result = resolve({ ...bpf(), spec: { ...bpf().spec, metrics: { series } } }, binary(elf), deps);
    if (result.ok) throw new Error('it was taken');
    expect(result.message.match(/spec\.metrics\.series\[\d+\]/g)).toHaveLength(16);
    if (end === undefined) expect(result.message).not.toMatch(/more$/);
    else expect(result.message.endsWith(end)).toBe(true);
  });

  test('every cut of an object is a rejection, whatever its length', () => {
    for (let length = 0; length < elf.length; length++) {
      const result = resolve(bpf(), binary(elf.subarray(0, length)), deps);
      expect(result).toMatchObject({ ok: false, reason: expect.stringMatching(/^(NotAnELF|InvalidObject)$/) });
    }
  });

  test('a mistake of ours is not taken for a mistake of the user', () => {
    const broken = {
      ...deps,
      sha256: () => {
        throw new TypeError('ours');
      },
    };
    expect(() => resolve(bpf(), binary(elf), broken)).toThrow('ours');
  });
});
