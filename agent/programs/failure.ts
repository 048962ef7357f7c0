import { CodedError, messageOf } from '../../runtime/errors.ts';
import { NoAttachTarget } from '../kernel/attach.ts';
import { type Host, maxPerfEventParanoid } from '../kernel/host.ts';
import { ObjectFailure } from '../kernel/kernel-object.ts';
import { E2BIG, EACCES, EINVAL, ENOENT, ENOMEM, EPERM } from '../libbpf/check.ts';

/** Why a BPF does not run on this node, as people and the operator read it. */
export interface Failure {
  /** A node reason of the API (crds/reasons.ts). */
  readonly reason: string;
  readonly message: string;
  /** True where the same bytes may work later: the target may appear, the payload may arrive. */
  readonly transient: boolean;
}

/** A load was given up for a reason that we found ourselves. `code` is the node reason. */
export class LoadRefused extends CodedError<
  'BTFMissing' | 'CrashedAgent' | 'InvalidObject' | 'InvalidMetric' | 'ProgramTypeUnsupported',
  { readonly ref: string; readonly program?: string }
> {}

/** Of twins of which one was to run, this kernel has refused every one. */
export class TwinsRefused extends Error {
  /** By program, in the order in which they were tried. */
  readonly failures: ReadonlyMap<string, Failure>;

  constructor(ref: string, failures: ReadonlyMap<string, Failure>) {
    // Twins are often refused alike: one by one the same words would be a page.
    const byCause = Map.groupBy(failures, ([, { message }]) => causeOf(message));
    const told = Array.from(byCause, ([cause, twins]) => `${twins.map(([program]) => program).join(', ')}: ${cause}`);
    super(`load ${ref}: none of firstOf [${[...failures.keys()].join(', ')}] runs: ${told.join('; ')}`);
    this.name = 'TwinsRefused';
    this.failures = failures;
  }
}

/** Of a message about one program what stands behind its name and section, for where the name is said already. */
export function causeOf(message: string): string {
  return message.replace(/^(load \S+: )?program \S+( \(.*?\))?: /, '');
}

/** That the rest runs without a program, and why. */
export const tellOff = (program: string, { message }: Failure): string =>
  `program ${program} is off: ${causeOf(message)}`;

/** The program that a load or an attach failed for; undefined where it was for something that all of them share. */
export function blamedProgram(thrown: unknown): string | undefined {
  if (thrown instanceof NoAttachTarget || thrown instanceof LoadRefused) return thrown.facts.program;
  if (!(thrown instanceof ObjectFailure)) return undefined;
  if (thrown.phase === 'attach') return thrown.program?.name;
  const { lines, verifier } = thrown.log;
  // Programs that were verified before leave their statistics as a log, so libbpf's own word goes first.
  return namedProgram(lines) ?? verifier?.program;
}

/** The program that libbpf says failed. */
function namedProgram(lines: readonly string[]): string | undefined {
  return lines.map((line) => /^prog '([^']*)': .*fail/.exec(line)?.[1]).findLast((name) => name !== undefined);
}

/** One function turns whatever a load threw into a reason and a message. */
export function explain(thrown: unknown, host: Host): Failure {
  if (thrown instanceof LoadRefused) return { reason: thrown.code, message: thrown.message, transient: false };
  if (thrown instanceof TwinsRefused) {
    const failures = [...thrown.failures.values()];
    const reason = failures.at(-1)?.reason ?? 'Internal';
    return { reason, message: thrown.message, transient: failures.some(({ transient }) => transient) };
  }
  if (thrown instanceof NoAttachTarget)
    return { reason: 'AttachTargetMissing', message: thrown.message, transient: true };
  if (thrown instanceof ObjectFailure) return explainObject(thrown, host);
  if (thrown instanceof CodedError && payloadReasons.has(thrown.code)) {
    return { reason: thrown.code, message: thrown.message, transient: thrown.code === 'PayloadUnavailable' };
  }
  return { reason: 'Internal', message: messageOf(thrown), transient: true };
}

const payloadReasons: ReadonlySet<string> = new Set(['PayloadUnavailable', 'DigestMismatch', 'InvalidObject']);

function explainObject(failure: ObjectFailure, host: Host): Failure {
  if (failure.phase === 'attach') return explainAttach(failure, host);
  const { verifier } = failure.log;
  const words = verifier === undefined ? [] : verifierLines(verifier.log);
  if (verifier !== undefined && words.length > 0) return explainVerifier(verifier.program, words);
  const { errno } = failure.error.facts;
  const program = namedProgram(failure.log.lines);
  const subject = program === undefined ? '' : `program ${program}: `;
  const told = tellingLine(failure.log.lines)?.replace(`prog '${program}': `, '');
  const message = `${subject}${failure.error.message}${told === undefined ? '' : `: ${told}`}`;
  if (failure.phase === 'open') return { reason: 'InvalidObject', message, transient: false };

  // libbpf's lines are the only place that says which of an object's many parts the errno is about.
  const pin = failure.log.lines.find((line) => pinRefused.test(line));
  if (pin !== undefined) {
    const hint =
      'the bpf file system must be writable, and what is in the way may be removed: the map starts at zero then';
    return { reason: 'Internal', message: `${failure.error.message}: ${pin} [${hint}]`, transient: true };
  }
  const map = failure.log.lines.map((line) => /^map '([^']*)': failed to create: /.exec(line)).find((m) => m !== null);
  if (map !== undefined) return explainMap(map[1] ?? '', errno, message);
  if (failure.log.lines.some((line) => /kernel BTF type ID of '/.test(line))) {
    return host.hasBtf
      ? { reason: 'AttachTargetMissing', message, transient: false }
      : { reason: 'BTFMissing', message, transient: false };
  }
  if (failure.log.lines.some((line) => /failed to find valid kernel BTF|loading kernel BTF/i.test(line))) {
    return { reason: 'BTFMissing', message: `${message} [the kernel needs CONFIG_DEBUG_INFO_BTF]`, transient: false };
  }
  if (errno === EPERM && host.memlockLimited && host.missingCapabilities.length === 0 && !host.seccomp) {
    return { reason: 'MemlockExceeded', message: `${failure.error.message} [${memlockHint}]`, transient: true };
  }
  if (errno === EPERM || errno === EACCES) return permissionDenied(message, host);
  if (errno === EINVAL) return { reason: 'ProgramTypeUnsupported', message, transient: false };
  return { reason: 'Internal', message, transient: true };
}

/** libbpf's lines about a pin: it could not be made, or is no map, or one of another shape. */
const pinRefused = /failed to auto-pin at '|couldn't (retrieve|reuse) pinned map|failed to (pin map|open pinned path)/i;

const memlockHint = 'before Linux 5.11 maps count against RLIMIT_MEMLOCK: raise it or grant SYS_RESOURCE';

function explainMap(map: string, errno: number, message: string): Failure {
  if (errno === EPERM) {
    return { reason: 'MemlockExceeded', message: `map ${map}: ${message} [${memlockHint}]`, transient: true };
  }
  if (errno === ENOMEM || errno === E2BIG) {
    return {
      reason: 'MapTooLarge',
      message: `map ${map}: ${message} [lower max_entries]`,
      transient: errno === ENOMEM,
    };
  }
  return { reason: 'MapTypeUnsupported', message: `map ${map}: ${message}`, transient: false };
}

/** A verifier log without the statistics behind it: nothing, where the kernel refused before it looked. */
function verifierLines(log: string): string[] {
  return log
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(processed \d+ insns|verification time|stack depth|max_states)/.test(line));
}

/** The verifier's own last words. */
function explainVerifier(program: string, lines: readonly string[]): Failure {
  const core = lines.findLast((line) => line.startsWith('failed to resolve CO-RE relocation'));
  if (core !== undefined) {
    const message = `program ${program}: ${core} [the running kernel has no such type or field]`;
    return { reason: 'VerifierRejected', message, transient: false };
  }
  const last = lines.at(-1);
  // The instruction that the last line speaks about stands before it: `14: (61) r0 = *(u32 *)(r1 +4000)`.
  const insn = lines.slice(0, -1).findLast((line) => /^\d+: \([0-9a-f]{2}\) /.test(line));
  const where = insn === undefined ? '' : ` at insn ${insn.replace(/\s*;.*$/, '')}`;
  return { reason: 'VerifierRejected', message: `program ${program}: ${last}${where}`, transient: false };
}

function explainAttach(failure: ObjectFailure, host: Host): Failure {
  const { errno } = failure.error.facts;
  const section = failure.program?.section ?? '';
  const subject = `program ${failure.program?.name ?? '?'} (${section})`;
  const told = tellingLine(failure.log.lines);
  const message = `${subject}: ${failure.error.message}${told === undefined ? '' : `: ${told}`}`;
  if (/^(kprobe|kretprobe|ksyscall|kretsyscall)/.test(section) && !host.hasKprobes) {
    return {
      reason: 'ProgramTypeUnsupported',
      message: `${subject}: this kernel has no kprobes (CONFIG_KPROBES)`,
      transient: false,
    };
  }
  if (errno === ENOENT && /^(tp|tracepoint)\//.test(section) && !host.hasTracefs) {
    return {
      reason: 'AttachTargetMissing',
      message: `${message} [mount -t tracefs tracefs /sys/kernel/tracing]`,
      transient: true,
    };
  }
  if (missingTarget.has(errno)) {
    const target = section.replace(/^[^/]*\//, '');
    return {
      reason: 'AttachTargetMissing',
      message: `${subject}: there is no ${target} here: ${failure.error.message}`,
      transient: true,
    };
  }
  if (errno === E2BIG) {
    const hint = 'the kernel takes 64 programs on one tracepoint: attach fewer, or by raw_tp or tp_btf';
    return { reason: 'Internal', message: `${message} [${hint}]`, transient: true };
  }
  if (errno === EPERM || errno === EACCES) return permissionDenied(message, host, section);
  if (unsupported.has(errno)) return { reason: 'ProgramTypeUnsupported', message, transient: false };
  return { reason: 'Internal', message, transient: true };
}

/** ENOENT, ESRCH (no such type or symbol), ENODEV. */
const missingTarget: ReadonlySet<number> = new Set([ENOENT, 3, 19]);
/** EINVAL, EOPNOTSUPP, ENOTSUPP, ENOSYS. */
const unsupported: ReadonlySet<number> = new Set([EINVAL, 95, 524, 38]);

/**
 * EPERM and EACCES, told apart by what this process may do: what it lacks is the cause, else what the host forbids.
 * `section` is that of an attach.
 */
function permissionDenied(message: string, host: Host, section?: string): Failure {
  const { missingCapabilities, seccomp, lockdown, perfEventParanoid } = host;
  if (missingCapabilities.length > 0) {
    const hint = `the agent lacks ${missingCapabilities.map((name) => `CAP_${name}`).join(', ')}`;
    return { reason: 'PermissionDenied', message: `${message} [${hint}]`, transient: true };
  }
  if (seccomp) {
    const hint = 'a seccomp profile is active: allow bpf and perf_event_open, or run Unconfined';
    return { reason: 'SeccompBlocked', message: `${message} [${hint}]`, transient: true };
  }
  const hints = [
    ...(lockdown === 'none' || lockdown === 'unknown' ? [] : [`kernel lockdown is ${lockdown}`]),
    ...(perfEventParanoid > maxPerfEventParanoid ? [`kernel.perf_event_paranoid is ${perfEventParanoid}`] : []),
  ];
  if (hints.length > 0) {
    return { reason: 'PermissionDenied', message: `${message} [${hints.join('; ')}]`, transient: true };
  }
  // What was attached to a cgroup without BPF_F_ALLOW_MULTI keeps others out (kernel/bpf/cgroup.c).
  if (section?.startsWith('cgroup') === true) {
    const hint = 'the capabilities are there: another program may keep the cgroup to itself, see bpftool cgroup tree';
    return { reason: 'PermissionDenied', message: `${message} [${hint}]`, transient: true };
  }
  const hint = 'the capabilities are there: this kernel itself forbids it';
  return { reason: 'PermissionDenied', message: `${message} [${hint}]`, transient: false };
}

/**
 * libbpf ends with a summary that says nothing; the line before it names the cause. Its advice at EPERM to raise
 * RLIMIT_MEMLOCK is a guess from the errno: where that is the cause, our own hint says so.
 */
function tellingLine(lines: readonly string[]): string | undefined {
  const line = lines.findLast((text) => !saysNothing.test(text));
  return line?.includes(': BPF program load failed: ') === true ? undefined : line; // that is the errno again
}

const saysNothing =
  /^failed to load object|: failed to (load|prepare load attributes): -|failed to auto-attach|try raising 'ulimit -l'/;
