import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { attach } from '../../agent/kernel/attach.ts';
import { OpenObject } from '../../agent/kernel/kernel-object.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { readObject } from '../../bpf/object/read-object.ts';
import { upgradeLegacy } from '../../bpf/object/upgrade-legacy.ts';
import { compileBpf } from '../fixtures/compile.ts';
import { legacyObjects } from '../fixtures/legacy-objects.ts';

const lib = loadLibbpf();
const objects = legacyObjects();
const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-upgrade-'));
const pins = `/sys/fs/bpf/kube-bpf-upgrade-${process.pid}`;
afterEach(() => rmSync(pins, { recursive: true, force: true }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const bpftool = (...args: string[]) =>
  execFileSync('bpftool', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
interface Row {
  readonly key: string[];
  readonly value: string[];
}
const dump = (map: string): Row[] => JSON.parse(bpftool('-j', 'map', 'dump', 'pinned', `${pins}/maps/${map}`));
const number = (bytes: readonly string[]) => bytes.reduceRight((high, byte) => (high << 8n) | BigInt(byte), 0n);

/** Loads all programs of an object by bpftool's own libbpf and pins them with their maps. */
function load(object: Uint8Array): void {
  const file = join(folder, 'object.o');
  writeFileSync(file, object);
  bpftool('prog', 'loadall', file, pins, 'pinmaps', `${pins}/maps`);
}

/** What comes of an object that is not upgraded: libbpf refuses it, or sees no programs in it. */
function programsOf(object: Uint8Array): string[] {
  try {
    load(object);
  } catch (thrown) {
    expect(String(thrown)).toMatch(/legacy map definitions|bad map relo|failed to load object/);
    return [];
  }
  const programs = existsSync(pins) ? readdirSync(pins).filter((name) => name !== 'maps') : [];
  rmSync(pins, { recursive: true, force: true });
  return programs;
}

test.each(Object.entries(objects))('%s: none of it as it is, every program and map when upgraded', (_, object) => {
  expect(programsOf(object)).toEqual([]);
  const { programs, maps } = readObject(object);
  load(upgradeLegacy(object));
  expect(readdirSync(pins).sort()).toEqual([...programs.map(({ name }) => name), 'maps'].sort());
  expect(readdirSync(`${pins}/maps`).sort()).toEqual(maps.map(({ name }) => name).sort());
  for (const map of maps) {
    const shown = JSON.parse(bpftool('-j', 'map', 'show', 'pinned', `${pins}/maps/${map.name}`));
    expect(shown).toMatchObject({
      name: map.name,
      bytes_key: map.keySizeBytes,
      bytes_value: map.valueSizeBytes,
      max_entries: map.maxEntries,
      flags: map.flags,
    });
  }
});

test.each(['pkts, as in 2019', 'pkts with BTF', 'pkts without symbol types, as before LLVM 8'])(
  '%s counts packets by their protocol',
  (name) => {
    load(upgradeLegacy(objects[name] ?? new Uint8Array(0)));
    // A test run strips the Ethernet header before a socket filter sees the packet; one on a packet socket sees it. The
    // second header here takes its place.
    const packet = new Uint8Array(64);
    for (const protocol of [1, 6, 6, 17, 6]) {
      packet[14 + 14 + 9] = protocol;
      writeFileSync(join(folder, 'packet'), packet);
      bpftool('prog', 'run', 'pinned', `${pins}/socket_prog`, 'data_in', join(folder, 'packet'));
    }
    const counts = dump('packets').map(({ key, value }) => [Number(number(key)), number(value)] as const);
    expect(counts.sort(([a], [b]) => a - b)).toEqual([
      [1, 1n],
      [6, 3n],
      [17, 1n],
    ]);
  },
);

test.each(['write, as in 2019', 'write with BTF'])('%s counts the writes of a process', async (name) => {
  // bpftool of these years does not attach, so this one goes through the agent's own libbpf.
  using opened = OpenObject.open(lib, 'write', upgradeLegacy(objects[name] ?? new Uint8Array(0)));
  for (const map of opened.maps()) map.pinAt(`${pins}-${map.name}`);
  using object = await opened.load();
  using stack = new DisposableStack();
  stack.defer(() => rmSync(`${pins}-writes`));
  for (const program of object.programs) stack.use(attach(lib, program));
  const sink = openSync('/dev/null', 'w');
  stack.defer(() => closeSync(sink));
  for (let i = 0; i < 50; i++) writeSync(sink, 'x');
  const rows: Row[] = JSON.parse(bpftool('-j', 'map', 'dump', 'pinned', `${pins}-writes`));
  const own = rows.find(({ key }) => number(key) === BigInt(process.pid));
  expect(number(own?.value ?? [])).toBeGreaterThanOrEqual(50n);
});

test('an object of today with an old section name keeps its CO-RE relocations and line information', () => {
  const source = fileURLToPath(new URL('../fixtures/objects/modern.bpf.c', import.meta.url));
  load(upgradeLegacy(compileBpf(source, { flags: ['-DNO_PINNING', '-DSOCKET_SECTION="socket/count"'] })));
  expect(readdirSync(pins).sort()).toEqual(['count', 'first', 'maps', 'on_switch', 'second']);
  const [first] = JSON.parse(bpftool('-j', 'prog', 'dump', 'xlated', 'pinned', `${pins}/count`, 'linum'));
  expect(first).toMatchObject({ proto: 'int count(struct __sk_buff * skb)' });
});

test('maps of one section are not mixed up: each program finds its own', () => {
  load(upgradeLegacy(objects['many static maps'] ?? new Uint8Array(0)));
  writeFileSync(join(folder, 'packet'), new Uint8Array(100));
  bpftool(
    'map',
    'update',
    'pinned',
    `${pins}/maps/inner`,
    'key',
    '3',
    '0',
    '0',
    '0',
    'value',
    ...Array<string>(8).fill('0'),
  );
  bpftool('prog', 'run', 'pinned', `${pins}/second_socket`, 'data_in', join(folder, 'packet'));
  expect(
    dump('by_port').map(({ key, value }) => [number(key), number(value.slice(0, 8)), number(value.slice(8))]),
  ).toEqual([[3n, 1n, 86n]]);
});
