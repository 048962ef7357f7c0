import { closeSync, openSync, readFileSync } from 'node:fs';
import { CodedError } from '../../runtime/errors.ts';
import type { BpfLinkPtr, Libbpf } from '../libbpf/binding.ts';
import { checkInt, checkPointer, LibbpfError } from '../libbpf/check.ts';
import type { Attachment } from './attachment.ts';
import { isCgroup, programType } from './bpf-types.ts';
import { type LoadedProgram, LogCollector, ObjectFailure } from './kernel-object.ts';
import { attachSocketFilter, socketFilterSlot } from './socket-filter.ts';

/** There is nothing on this host that the program could be attached to, and we know it before asking the kernel. */
export class NoAttachTarget extends CodedError<'NoAttachTarget', { readonly program: string }> {}

/**
 * Attaches a program where its SEC() says. Socket filters see every interface, cgroup programs the root of the cgroup2
 * mount; everything else libbpf attaches by itself. Throws ObjectFailure, with what libbpf said, or NoAttachTarget.
 */
export function attach(lib: Libbpf, program: LoadedProgram): Attachment {
  using log = new LogCollector(lib);
  try {
    if (program.type === programType.socketFilter) return attachSocketFilter(lib, program);
    if (isCgroup(program.type)) return attachCgroup(lib, program);
    const link = lib.bpf_program__attach(program.pointer);
    return linkAttachment(lib, program, undefined, checkPointer(lib, 'bpf_program__attach', program.name, link));
  } catch (thrown) {
    if (!(thrown instanceof LibbpfError)) throw thrown;
    throw new ObjectFailure('attach', thrown, { lines: log.lines, verifier: undefined }, program);
  }
}

/** The slot (see Attachment) that `attach` would give a program. */
export function slotOf(program: LoadedProgram): string | undefined {
  if (program.type === programType.socketFilter) return socketFilterSlot;
  if (isCgroup(program.type)) return `cgroup ${program.type}/${program.attachType}`;
  return undefined;
}

/** A cgroup link can swap its program (bpf_link_update), so the count goes on without a gap. */
function attachCgroup(lib: Libbpf, program: LoadedProgram): Attachment {
  const fd = openSync(cgroupRoot(program), 'r');
  try {
    const link = lib.bpf_program__attach_cgroup(program.pointer, fd);
    const attached = checkPointer(lib, 'bpf_program__attach_cgroup', program.name, link);
    return linkAttachment(lib, program, slotOf(program), attached);
  } finally {
    closeSync(fd);
  }
}

function linkAttachment(
  lib: Libbpf,
  program: LoadedProgram,
  slot: string | undefined,
  pointer: BpfLinkPtr,
): Attachment {
  let current = program.name;
  let link: BpfLinkPtr | null = pointer;
  return {
    get program() {
      return current;
    },
    slot,
    replace: (next) => {
      if (slot === undefined || link === null) throw new TypeError(`the link of ${current} cannot be updated`);
      checkInt(lib, 'bpf_link__update_program', next.name, lib.bpf_link__update_program(link, next.pointer));
      current = next.name;
    },
    [Symbol.dispose]: () => {
      if (link === null) return;
      const gone = link;
      link = null;
      lib.bpf_link__destroy(gone);
    },
  };
}

/** Where cgroup2 is mounted: /sys/fs/cgroup, or /sys/fs/cgroup/unified on a hybrid host. */
function cgroupRoot(program: LoadedProgram): string {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, path, type] = line.split(' ');
    if (type === 'cgroup2' && path !== undefined) return path;
  }
  throw new NoAttachTarget(
    'NoAttachTarget',
    `attach program ${program.name}: no cgroup2 mount on this host [mount -t cgroup2 none /sys/fs/cgroup/unified]`,
    { program: program.name },
  );
}
