import type { Attachment } from '../../../../agent/kernel/attachment.ts';
import type { LoadedObject, LoadedProgram } from '../../../../agent/kernel/kernel-object.ts';
import { type Attached, type Attacher, attachAll, SwapRefused, swap } from '../../../../agent/programs/swap.ts';

/** A kernel that remembers which program is where, and every step that led there. */
class Hooks implements Attacher {
  readonly attached = new Set<{ program: LoadedProgram }>();
  readonly steps: string[] = [];
  readonly refuse = new Set<string>();
  /** The most programs that were attached at once for one counter (a program's section names it here). */
  doubled = false;

  slotOf(program: LoadedProgram): string | undefined {
    return program.section.startsWith('cgroup') ? program.section : undefined;
  }

  attach(program: LoadedProgram): Attachment {
    if (this.refuse.has(tag(program))) throw new Error(`refused ${tag(program)}`);
    const place = { program };
    this.attached.add(place);
    this.steps.push(`+${tag(program)}`);
    this.#look();
    return {
      get program() {
        return place.program.name;
      },
      slot: this.slotOf(program),
      replace: (next) => {
        if (this.refuse.has(tag(next))) throw new Error(`refused ${tag(next)}`);
        this.steps.push(`${tag(place.program)}>${tag(next)}`);
        place.program = next;
      },
      [Symbol.dispose]: () => {
        if (this.attached.delete(place)) this.steps.push(`-${tag(place.program)}`);
      },
    };
  }

  now(): string[] {
    return Array.from(this.attached, ({ program }) => tag(program)).sort();
  }

  #look(): void {
    const sections = Array.from(this.attached, ({ program }) => program.section);
    if (new Set(sections).size < sections.length) this.doubled = true;
  }
}

const tag = ({ name, fd }: LoadedProgram): string => `${name}${fd}`;

/** `version` stands in for the fd, so that old and new programs of one name can be told apart. */
function objectOf(version: number, programs: Record<string, string>): LoadedObject {
  const list = Object.entries(programs).map(([name, section]) => ({
    name,
    section,
    fd: version,
    type: 0,
    attachType: 0,
  }));
  return { name: `object${version}`, programs: list } as unknown as LoadedObject;
}

function running(hooks: Hooks, object: LoadedObject): Attached {
  return { object, attachments: attachAll(hooks, object) };
}

describe('swap', () => {
  test('objects that share nothing: the new is attached before the old goes', () => {
    const hooks = new Hooks();
    const old = running(hooks, objectOf(1, { a: 'tp/a', b: 'tp/b' }));
    swap(hooks, old, objectOf(2, { a: 'tp/a', b: 'tp/b' }), false);
    expect(hooks.steps.slice(2)).toEqual(['+a2', '+b2', '-b1', '-a1']);
    expect(hooks.now()).toEqual(['a2', 'b2']);
  });

  test('shared maps: in place where the kernel can, else old out before new in, never both', () => {
    const hooks = new Hooks();
    const old = running(hooks, objectOf(1, { a: 'tp/a', c: 'cgroup/x' }));
    swap(hooks, old, objectOf(2, { a: 'tp/a', c: 'cgroup/x' }), true);
    expect(hooks.steps.slice(2)).toEqual(['c1>c2', '-a1', '+a2']);
    expect(hooks.doubled).toBe(false);
    expect(hooks.now()).toEqual(['a2', 'c2']);
  });

  test('a renamed program still takes over its slot; same names go first', () => {
    const hooks = new Hooks();
    const old = running(hooks, objectOf(1, { x: 'cgroup/s', y: 'cgroup/s' }));
    swap(hooks, old, objectOf(2, { z: 'cgroup/s', x: 'cgroup/s' }), true);
    expect(hooks.steps.slice(2).sort()).toEqual(['x1>x2', 'y1>z2']);
  });

  test('programs that came or went', () => {
    const hooks = new Hooks();
    const old = running(hooks, objectOf(1, { gone: 'tp/g', c: 'cgroup/x' }));
    const now = swap(hooks, old, objectOf(2, { c: 'cgroup/x', fresh: 'tp/f' }), true);
    expect(now.map(({ program }) => program)).toEqual(['c', 'fresh']);
    expect(hooks.now()).toEqual(['c2', 'fresh2']);
  });

  test.each([
    ['the first attach', true, 'a2'],
    ['the last attach', true, 'b2'],
    ['a swap in place', true, 'c2'],
    ['an attach beside the old', false, 'b2'],
  ])('refused at %s: the old is whole again', (_, shareMaps, refused) => {
    const hooks = new Hooks();
    const old = running(hooks, objectOf(1, { a: 'tp/a', b: 'tp/b', c: 'cgroup/x' }));
    hooks.refuse.add(refused);
    const attempt = () => swap(hooks, old, objectOf(2, { a: 'tp/a', b: 'tp/b', c: 'cgroup/x' }), shareMaps);
    let thrown: unknown;
    try {
      attempt();
    } catch (caught) {
      thrown = caught;
    }
    expect(hooks.now()).toEqual(['a1', 'b1', 'c1']);
    const cause = thrown instanceof SwapRefused ? thrown.cause : thrown;
    expect(cause).toEqual(new Error(`refused ${refused}`));
    const left = thrown instanceof SwapRefused ? thrown.attachments : old.attachments;
    expect(left.map(({ program }) => program).sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('attachAll', () => {
  test('all or none', () => {
    const hooks = new Hooks();
    hooks.refuse.add('b1');
    expect(() => attachAll(hooks, objectOf(1, { a: 'tp/a', b: 'tp/b' }))).toThrow('refused b1');
    expect(hooks.now()).toEqual([]);
  });
});
