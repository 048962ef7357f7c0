import type { ProgramSpec } from '../../../../bpf/object/spec.ts';
import { choosePrograms, roleOf } from '../../../../bpf/revision/choose-programs.ts';
import { twinWarnings } from '../../../../bpf/revision/twins.ts';
import type { ProgramEntry } from '../../../../crds/load-config.ts';

const program = (name: string, section: string): ProgramSpec => ({ name, section, type: 'kprobe', insnCount: 2 });
const programs = [
  program('a', 'kprobe/x'),
  program('b', 'kprobe/y'),
  program('c', 'kprobe/z'),
  program('d', '?kprobe/w'),
];

describe('which programs run', () => {
  const twins: ProgramEntry = { firstOf: ['b', 'd', 'c'] };

  test.each<[string, ProgramEntry[], string[], string]>([
    ['as SEC() says', [], [], 'abc'],
    ['one that is switched off', [{ name: 'a', enabled: false }], [], 'bc'],
    ['one that SEC() leaves out, switched on', [{ name: 'd', enabled: true }], [], 'abcd'],
    ['one that is only named', [{ name: 'd', required: false }], [], 'abc'],
    ['the first of twins', [twins], [], 'ab'],
    ['the next of twins, also one that SEC() leaves out', [twins], ['b'], 'ad'],
    ['the last of twins', [twins], ['b', 'd'], 'ac'],
    ['the first of twins, whatever was refused behind it', [twins], ['d'], 'ab'],
    ['without an optional one that was refused', [{ name: 'a', required: false }], ['a'], 'bc'],
  ])('%s', (_what, entries, refused, expected) => {
    const { on, exhausted } = choosePrograms(programs, entries, new Set(refused));
    expect([...on].sort().join('')).toBe(expected);
    expect(exhausted).toBeUndefined();
  });

  test('none of the twins is left', () => {
    expect(choosePrograms(programs, [{ name: 'a' }, twins], new Set(['b', 'c', 'd'])).exhausted).toBe(twins.firstOf);
  });

  test.each<[string, ProgramEntry[], string]>([
    ['said nothing about', [], 'required'],
    ['named', [{ name: 'a' }], 'required'],
    ['required', [{ name: 'a', required: true }], 'required'],
    ['not required', [{ name: 'b' }, { name: 'a', required: false }], 'optional'],
    ['a twin', [{ firstOf: ['b', 'a'] }], 'twin'],
  ])('%s', (_what, entries, role) => {
    expect(roleOf('a', entries)).toBe(role);
  });
});

describe('programs that would count twice', () => {
  test.each<[string, string, string | undefined]>([
    ['fentry/do_x', 'kprobe/do_x', 'the entry of function do_x'],
    ['fentry.s/do_x', 'kprobe/do_x', 'the entry of function do_x'],
    ['fexit/do_x', 'kretprobe/do_x', 'the return of function do_x'],
    ['tp_btf/sched_switch', 'raw_tp/sched_switch', 'tracepoint sched_switch'],
    ['tp_btf/sched_switch', '?raw_tracepoint/sched_switch', 'tracepoint sched_switch'],
    ['tp/sched/sched_switch', 'raw_tp.w/sched_switch', 'tracepoint sched_switch'],
    // Two of one kind at one place are meant so; the entry and the return of a function are two places.
    ['kprobe/do_x', 'kprobe/do_x', undefined],
    ['raw_tp/sched_switch', 'raw_tracepoint/sched_switch', undefined],
    ['tp/sched/sched_switch', 'tracepoint/sched/sched_switch', undefined],
    ['fentry/do_x', 'fexit/do_x', undefined],
    ['fentry/do_x', 'kprobe/do_y', undefined],
    ['fentry/do_x', 'kprobe/do_x+0x10', undefined],
    ['uprobe//bin/sh:do_x', 'kprobe/do_x', undefined],
    ['toString/do_x', 'kprobe/do_x', undefined],
  ])('%s and %s: %s', (first, second, place) => {
    const both = [program('a', first), program('b', second)];
    const warnings = twinWarnings(both, new Set(['a', 'b']));
    expect(warnings).toEqual(place === undefined ? [] : [expect.stringContaining(`both attach to ${place}: `)]);
    expect(twinWarnings(both, new Set(['a']))).toEqual([]);
  });
});
