import type { Attachment } from '../kernel/attachment.ts';
import type { LoadedObject, LoadedProgram } from '../kernel/kernel-object.ts';

/** Puts programs in place and takes them out; `agent/kernel/attach.ts` on a real kernel. */
export interface Attacher {
  attach(program: LoadedProgram): Attachment;
  /** The slot (see Attachment) that `attach` would give. */
  slotOf(program: LoadedProgram): string | undefined;
}

/** What runs now, and how to put it back. */
export interface Attached {
  readonly object: LoadedObject;
  readonly attachments: readonly Attachment[];
}

/** Attaches every program of an object; on a throw none is. */
export function attachAll(attacher: Attacher, object: LoadedObject): Attachment[] {
  using undo = new DisposableStack();
  const attachments = object.programs.map((program) => undo.use(attacher.attach(program)));
  undo.move();
  return attachments;
}

/** Takes programs out, the last attached first. */
export function detachAll(attachments: readonly Attachment[]): void {
  for (const attachment of attachments.toReversed()) attachment[Symbol.dispose]();
}

/**
 * Replaces what runs by a loaded object, and returns its attachments. Where the two share no map, the new one is attached
 * first: nothing is lost. Where they share one, both attached would count twice: a program is swapped in place where the
 * kernel can, and for the others the old is taken out just before the new goes in, all in one turn of the event loop, so
 * that no scrape sees the gap. On a throw the old one is back in place.
 */
export function swap(attacher: Attacher, old: Attached, next: LoadedObject, shareMaps: boolean): Attachment[] {
  if (!shareMaps) {
    const attachments = attachAll(attacher, next);
    detachAll(old.attachments);
    return attachments;
  }

  const inPlace = pair(attacher, old.attachments, next.programs);
  const staying = new Set(inPlace.values());
  const leaving = old.attachments.filter((attachment) => !staying.has(attachment));
  // What is put back, in this order, if a step is refused.
  const replaced: { attachment: Attachment; before: LoadedProgram }[] = [];
  const entered: Attachment[] = [];
  let left: readonly Attachment[] = [];
  try {
    for (const [program, attachment] of inPlace) {
      const before = programOf(old.object, attachment);
      attachment.replace(program);
      replaced.push({ attachment, before });
    }
    left = leaving;
    detachAll(leaving);
    return next.programs.map((program) => {
      const kept = inPlace.get(program);
      if (kept !== undefined) return kept;
      const attachment = attacher.attach(program);
      entered.push(attachment);
      return attachment;
    });
  } catch (thrown) {
    detachAll(entered);
    for (const { attachment, before } of replaced) attachment.replace(before);
    const back = left.map((attachment) => attacher.attach(programOf(old.object, attachment)));
    const untouched = left.length === 0 ? leaving : [];
    throw new SwapRefused(thrown, [...staying, ...untouched, ...back]);
  }
}

/** A swap was refused and undone. `attachments` are those of the old object now; the cause says why. */
export class SwapRefused extends Error {
  readonly attachments: readonly Attachment[];

  constructor(cause: unknown, attachments: readonly Attachment[]) {
    super('swap refused', { cause });
    this.name = 'SwapRefused';
    this.attachments = attachments;
  }
}

function programOf(object: LoadedObject, attachment: Attachment): LoadedProgram {
  const program = object.programs.find(({ name }) => name === attachment.program);
  if (program === undefined) throw new TypeError(`${object.name} has no program ${attachment.program}`);
  return program;
}

/** Each next program with the attachment whose slot it can take over: one of the same name first, else any. */
function pair(
  attacher: Attacher,
  attachments: readonly Attachment[],
  programs: readonly LoadedProgram[],
): Map<LoadedProgram, Attachment> {
  const free = new Set(attachments.filter(({ slot }) => slot !== undefined));
  const pairs = new Map<LoadedProgram, Attachment>();
  for (const sameName of [true, false]) {
    for (const program of programs) {
      if (pairs.has(program)) continue;
      const slot = attacher.slotOf(program);
      const found = Array.from(free).find((a) => a.slot === slot && (!sameName || a.program === program.name));
      if (found === undefined) continue;
      free.delete(found);
      pairs.set(program, found);
    }
  }
  return pairs;
}
