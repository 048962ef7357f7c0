import { fileURLToPath } from 'node:url';
import { readObject } from '../../../../bpf/object/read-object.ts';
import type { ObjectSpec } from '../../../../bpf/object/spec.ts';
import { configure } from '../../../../bpf/revision/configure.ts';
import type { RevisionTemplate } from '../../../../crds/load-config.ts';
import type { RejectionReason } from '../../../../crds/reasons.ts';
import { compileBpf } from '../../../fixtures/compile.ts';

const file = fileURLToPath(new URL('../../../fixtures/kernel/configured.bpf.c', import.meta.url));
const object = readObject(compileBpf(file));
const withoutBtf = readObject(
  compileBpf(fileURLToPath(new URL('../../../fixtures/legacy/pkts.bpf.c', import.meta.url)), { btf: false }),
);

const configured = (template?: RevisionTemplate) => {
  const result = configure(object, template);
  if (!result.ok) throw new Error(result.message);
  return result;
};

test('without a template the object is as it was', () => {
  expect(configured()).toEqual({ ok: true, object, globals: [], warnings: [] });
  expect(configured().object).toBe(object);
});

test('globals are bytes at their places, in the section that they are in', () => {
  const globals = { enabled: true, steps: [-1], mode: 'TWICE', label: 'nginx', start_total: 9, calls_total: '0x10' };
  const found = configured({ globals }).globals;
  expect(found.map(({ name, section, bytes }) => [name, section, Buffer.from(bytes).toString('hex')])).toEqual([
    ['enabled', '.rodata', '01'],
    ['steps', '.rodata', `${'f'.repeat(16)}${'0'.repeat(16)}`],
    ['mode', '.rodata', '02000000'],
    ['label', '.rodata', '6e67696e78000000'],
    ['start_total', '.data', '0900000000000000'],
    ['calls_total', '.bss', '1000000000000000'],
  ]);
  for (const { name, offsetBytes } of found) {
    expect(offsetBytes).toBe(object.globals.find((global) => global.name === name)?.offsetBytes);
  }
});

test('a map has the size that is said, and keeps what else it is', () => {
  const { maps } = configured({ maps: [{ name: 'labels', maxEntries: 64 }] }).object;
  expect(maps).toEqual(object.maps.map((map) => ({ ...map, maxEntries: 64 })));
  expect(object.maps[0]?.maxEntries).toBe(1);
});

const all = 'by_no_function, by_function, by_no_tracepoint, by_no_binary, by_raw, by_btf, by_packet';
const variables = 'only_pid, steps, enabled, mode, label, start_total, calls_total';

describe('what is refused, and what the user reads', () => {
  test.each<[string, RevisionTemplate, RejectionReason, string]>([
    [
      'a program that is not there',
      { programs: [{ name: 'by_raw' }, { name: 'on_exec', enabled: false }] },
      'UnknownProgram',
      `check spec.programs[1]: the object has no program on_exec; it has ${all}`,
    ],
    [
      'a twin that is not there',
      { programs: [{ firstOf: ['by_raw', 'by_kprobe'] }] },
      'UnknownProgram',
      `check spec.programs[0]: the object has no program by_kprobe; it has ${all}`,
    ],
    [
      'a map that is not there',
      { maps: [{ name: 'lables', maxEntries: 1 }] },
      'UnknownMap',
      'check spec.maps: the object has no map lables; it has labels',
    ],
    [
      'a section, which is no map of the object',
      { maps: [{ name: '.bss', maxEntries: 1 }] },
      'UnknownMap',
      'check spec.maps: the object has no map .bss; it has labels',
    ],
    [
      'a variable that is not there',
      { globals: { min_us: 1 } },
      'UnknownGlobal',
      `check spec.globals.min_us: the object has no such variable; it has ${variables}`,
    ],
    [
      'a number out of range',
      { globals: { only_pid: 2 ** 32 } },
      'InvalidGlobal',
      'check spec.globals: only_pid is 4294967296, not an integer of 0 to 4294967295 (u32)',
    ],
    [
      'an element of another type',
      { globals: { steps: [1, 'two'] } },
      'InvalidGlobal',
      'check spec.globals: steps[1] is "two", not an integer of -9223372036854775808 to 9223372036854775807 (s64), in s64[2]',
    ],
  ])('%s', (_what, template, reason, message) => {
    expect(configure(object, template)).toEqual({ ok: false, reason, message });
  });

  test('a variable of an object without BTF', () => {
    expect(configure(withoutBtf, { globals: { x: 1 } })).toEqual({
      ok: false,
      reason: 'UnknownGlobal',
      message:
        'check spec.globals.x: the object has no such variable; it has none [the object has no BTF: compile with -g]',
    });
  });

  test('two static variables of one name; a visible one goes before them, an extern is none', () => {
    const variable = (linkage: 'static' | 'global' | 'extern', offsetBytes: number) => {
      const [any] = object.globals;
      if (any === undefined) throw new Error('no global');
      return { ...any, name: 'twice', linkage, offsetBytes };
    };
    const having = (...globals: ObjectSpec['globals']): ObjectSpec => ({ ...object, globals });
    const template = { globals: { twice: 1 } };
    const [first, second] = [variable('static', 0), variable('static', 8)];
    expect(configure(having(first, second), template)).toMatchObject({
      reason: 'InvalidGlobal',
      message: expect.stringContaining('two static variables of this name, at .rodata+0 and .rodata+8'),
    });
    expect(configure(having(first, second, variable('global', 16)), template)).toMatchObject({
      globals: [{ offsetBytes: 16 }],
    });
    expect(configure(having(variable('extern', 0)), template)).toMatchObject({ reason: 'UnknownGlobal' });
  });
});

test('two programs at one place are a warning, unless they are twins or one of them is off', () => {
  const both = { name: 'by_btf', enabled: true };
  expect(configured({ programs: [both] }).warnings).toEqual([
    expect.stringMatching(
      /^programs by_raw \(raw_tp\/sys_enter\) and by_btf \(\?tp_btf\/sys_enter\) both attach to tracepoint sys_enter: /,
    ),
  ]);
  expect(configured({ programs: [both, { name: 'by_raw', enabled: false }] }).warnings).toEqual([]);
  expect(configured({ programs: [{ firstOf: ['by_btf', 'by_raw'] }] }).warnings).toEqual([]);
});

test('no program to run is a warning: what was counted before is still exported', () => {
  const off = (...names: string[]) => ({ programs: names.map((name) => ({ name, enabled: false })) });
  const on = object.programs.filter(({ section }) => !section.startsWith('?')).map(({ name }) => name);
  expect(on.length).toBeGreaterThan(1);
  expect(configured(off(...on)).warnings).toEqual([expect.stringMatching(/^no program of the object runs/)]);
  expect(configured(off(...on.slice(1))).warnings).toEqual([]);
});
