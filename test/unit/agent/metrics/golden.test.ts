import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exporter } from '../../../../agent/metrics/exposition.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import {
  array,
  bitfield,
  char,
  enumOf,
  mapTypes,
  member,
  objectOf,
  s32,
  s64,
  struct,
  u8,
  u16,
  u32,
  u64,
  union,
} from '../../../fixtures/layouts.ts';
import { bpfOf, newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const folder = join(import.meta.dirname, '../../../fixtures/expositions');
const promtool = '/usr/bin/promtool';

/** Little-endian numbers, text and raw bytes, one behind the other: `u32`, `u64`, `char[16]`. */
function bytes(
  ...parts: readonly (
    | readonly ['u8' | 'u16' | 'u32' | 'u64', bigint | number]
    | readonly [number, string | Uint8Array]
  )[]
): Buffer {
  return Buffer.concat(
    parts.map(([shape, value]) => {
      if (typeof shape === 'number') {
        const field = Buffer.alloc(shape);
        field.set(typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array));
        return field;
      }
      const field = Buffer.alloc(8);
      field.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value as bigint | number)));
      return field.subarray(0, { u8: 1, u16: 2, u32: 4, u64: 8 }[shape]);
    }),
  );
}

const count = (key: number, value: bigint | number): Entry => [bytes(['u32', key]), bytes(['u64', value])];

/** Each fills an exporter with what its golden file shows. */
const goldens: Readonly<Record<string, (exporter: Exporter) => void>> = {
  // The talk's example: a hash of counters, without BTF.
  packets(exporter) {
    const packets = new MemoryMap({ name: 'packets', keySizeBytes: 4, valueSizeBytes: 8 }, [
      count(6, 551),
      count(17, 42),
      count(1, 20),
    ]);
    exporter.add(bpfOf('default/pkts-bpf', objectOf({ packets: { valueSizeBytes: 8 } }), { packets }));
  },

  // Every shape of a key's member: nested, padded, bitfields, an enum with and without a name for the value, hex.
  keys(exporter) {
    const key = struct(
      [
        member('comm', 0, array(char, 8)),
        member('addr', 8, struct({ ip: u32, port: u16 })),
        bitfield('ipv6', 16, 0, 1, u8),
        bitfield('ttl', 16, 1, 7, u8),
        member('family', 20, enumOf({ AF_INET: 2n, AF_INET6: 10n })),
        member('mac', 24, array(u8, 6)),
        member('node', 32, u64),
      ],
      40,
    );
    const flow = (
      comm: string,
      ip: number,
      port: number,
      bits: number,
      family: number,
      mac: Uint8Array,
      node: bigint,
    ): Buffer =>
      bytes([8, comm], ['u32', ip], ['u16', port], ['u16', 0], ['u32', bits], ['u32', family], [8, mac], ['u64', node]);
    const flows = new MemoryMap({ name: 'flows_total', keySizeBytes: 40, valueSizeBytes: 8 }, [
      [flow('curl', 0x0100007f, 443, 0b10000001, 2, Uint8Array.of(2, 0x42, 0xac, 0x11, 0, 2), 7n), bytes(['u64', 12])],
      [flow('nginx', 0, 80, 0b01000000, 99, new Uint8Array(6), 2n ** 64n - 1n), bytes(['u64', 1])],
    ]);
    exporter.add(bpfOf('kube-system/flows', objectOf({ flows_total: { key, value: u64 } }), { flows_total: flows }));
  },

  // Every shape of a value: members, text as a label, an array of integers, numbers at both ends of their range.
  values(exporter) {
    const value = struct({
      calls: u64,
      delta: s64,
      comm: array(char, 16),
      slots: array(u32, 3),
      who: union({ a: u32 }),
    });
    const stats = new MemoryMap({ name: 'stats', keySizeBytes: 4, valueSizeBytes: value.sizeBytes }, [
      [
        bytes(['u32', 1]),
        bytes(
          ['u64', 2n ** 64n - 1n],
          ['u64', -(2n ** 63n)],
          [16, 'systemd'],
          ['u32', 1],
          ['u32', 20],
          ['u32', 300],
          ['u32', 9],
        ),
      ],
      [
        bytes(['u32', 4294967295]),
        bytes(['u64', 0], ['u64', -1n], [16, ''], ['u32', 0], ['u32', 0], ['u32', 0], ['u32', 9]),
      ],
    ]);
    exporter.add(bpfOf('default/stats', objectOf({ stats: { key: u32, value } }), { stats }));
  },

  // An array's key is its index; per-CPU values are summed over CPUs, modulo 2^64; globals are metrics of their own.
  sums(exporter) {
    const slots = (...numbers: readonly bigint[]): Buffer => bytes(...numbers.map((n) => ['u64', n] as const));
    const sizes = new MemoryMap({ name: 'sizes', keySizeBytes: 4, valueSizeBytes: 8, cpus: 3 }, [
      [bytes(['u32', 0]), slots(1n, 2n, 3n)],
      [bytes(['u32', 1]), slots(2n ** 32n - 1n, 1n, 2n ** 63n)],
      [bytes(['u32', 2]), slots(2n ** 64n - 1n, 2n, 0n)],
    ]);
    const bss = new MemoryMap({ name: '.bss', keySizeBytes: 4, valueSizeBytes: 12 }, [
      [bytes(['u32', 0]), bytes(['u64', 77], ['u32', -3])],
    ]);
    const object = objectOf(
      { sizes: { type: mapTypes.percpuArray, key: u32, value: u64 } },
      { seen_total: { layout: u64 }, balance: { layout: s32, offsetBytes: 8 } },
    );
    exporter.add(bpfOf('default/sizes', object, { sizes, '.bss': bss }));
  },

  // Bytes that somebody chose to hurt: quotes, line feeds, half characters, too many of them, and keys that read alike.
  hostile(exporter) {
    const key = struct({ comm: array(char, 260) });
    const named = (comm: string | readonly number[], n: number): Entry => [
      bytes([260, typeof comm === 'string' ? comm : Uint8Array.from(comm)]),
      bytes(['u64', n]),
    ];
    const names = new MemoryMap({ name: 'names', keySizeBytes: 260, valueSizeBytes: 8 }, [
      named('"} evil{a="b', 1),
      named('back\\slash', 2),
      named('two\nlines 1', 3),
      named([0xff, 0x41, 0xc3], 4),
      named([0xfe, 0x41, 0xe2, 0x82], 40),
      named('same\0one', 5),
      named('same\0other', 50),
      named(`${'x'.repeat(255)}ü1`, 6),
      named(`${'x'.repeat(255)}ü2`, 60),
      named('', 7),
      named('käse 🧀', 8),
    ]);
    exporter.add(bpfOf('default/names', objectOf({ names: { key, value: u64 } }), { names }));
  },

  // One name in several BPFs is one family, in order of namespace and name.
  shared(exporter) {
    const events = (key: number, n: number): MemoryMap =>
      new MemoryMap({ name: 'events', keySizeBytes: 4, valueSizeBytes: 8 }, [count(key, n)]);
    const object = objectOf({ events: { key: u32, value: u64 } });
    exporter.add(bpfOf('team-b/one', object, { events: events(1, 10) }, '2024-05-01T10:00:00Z'));
    exporter.add(bpfOf('team-a/two', object, { events: events(1, 20) }, '2024-05-01T10:00:01Z'));
    exporter.add(bpfOf('team-a/one', object, { events: events(2, 30) }, '2024-05-01T10:00:02Z'));
  },
};

async function exposition(name: string): Promise<string> {
  const { exporter } = newExporter();
  goldens[name]?.(exporter);
  return textOf(exporter);
}

const names = Object.keys(goldens);

test.each(names)('%s is as a person has read it', async (name) => {
  const text = await exposition(name);
  expect(text).toBe(readFileSync(join(folder, `${name}.txt`), 'utf8'));
  expect(parseExposition(text).samples.length).toBeGreaterThan(0);
});

// promtool is Debian's package `prometheus`; the unit lane must run without it. In CI a skip is a failure.
(existsSync(promtool) ? test : test.skip).each(names)('%s is clean by promtool', async (name) => {
  const output = execFileSync(promtool, ['check', 'metrics'], { input: await exposition(name), encoding: 'utf8' });
  expect(output).toBe('');
});
