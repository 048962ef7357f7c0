import { metricPlan } from '../../bpf/metrics/metric-plan.ts';
import type { MetricPlan } from '../../bpf/metrics/plan.ts';
import { readObject } from '../../bpf/object/read-object.ts';
import { type ProgramType, programTypes } from '../../bpf/object/section-names.ts';
import type { ObjectSpec } from '../../bpf/object/spec.ts';
import { upgradeLegacy } from '../../bpf/object/upgrade-legacy.ts';
import { choosePrograms, roleOf } from '../../bpf/revision/choose-programs.ts';
import { type Configured, configure } from '../../bpf/revision/configure.ts';
import { messageOf } from '../../runtime/errors.ts';
import { sha256 } from '../../runtime/sha256.ts';
import { type Host, kernelBtfPath } from '../kernel/host.ts';
import { type LoadedObject, maxPrograms, type OpenMap, OpenObject } from '../kernel/kernel-object.ts';
import type { Pins } from '../kernel/pins.ts';
import { probeTarget } from '../kernel/probe-target.ts';
import type { Libbpf } from '../libbpf/binding.ts';
import type { WantedProgram } from '../source/source.ts';
import { blamedProgram, explain, type Failure, LoadRefused, TwinsRefused } from './failure.ts';
import type { Journal } from './journal.ts';
import { mapLayout, sectionLayout } from './layout.ts';

export interface LoadDeps {
  readonly lib: Libbpf;
  readonly host: Host;
  readonly journal: Journal;
  /** Undefined where this host has no bpffs: maps then live as long as the agent. */
  readonly pins: Pins | undefined;
}

/** Verified and in the kernel, attached to nothing yet. Disposing unloads it; pins stay. */
export interface Loaded {
  readonly object: LoadedObject;
  /** The ELF as it was fetched. */
  readonly bytes: Uint8Array;
  /** What its maps are exported as. */
  readonly plan: MetricPlan;
  /** Where its result maps are pinned. */
  readonly pinPaths: ReadonlySet<string>;
  /** Programs that this kernel refused and that need not run, in the order in which that was found. */
  readonly refused: Refused;
  /** What is probably not meant, a sentence each. */
  readonly warnings: readonly string[];
}

/** By program: why it is off. */
export type Refused = ReadonlyMap<string, Failure>;

/** libbpf makes the names of section maps of this; the kernel keeps 15 bytes of a name. */
const objectNameLength = 15;

/**
 * One load, top to bottom, up to the point where something would change for what runs now. Without the programs that
 * could not be attached before (`refusedBefore`). Throws LoadRefused, TwinsRefused, ObjectFailure, PayloadError or what
 * `signal` aborts with; `explain` makes a reason of it.
 */
export async function load(
  deps: LoadDeps,
  wish: WantedProgram,
  signal: AbortSignal,
  refusedBefore: Refused = new Map(),
): Promise<Loaded> {
  const revision = `${wish.ref}@${wish.revision}`;
  const crashes = deps.journal.quarantined(revision);
  if (crashes > 0) {
    const message = `load ${wish.ref}: revision ${wish.revision} ended the agent ${crashes} times in a row [change the object, or run another agent version]`;
    throw new LoadRefused('CrashedAgent', message, { ref: wish.ref });
  }

  // Fetch: inflated, and of the pinned digest, before anything parses it.
  const bytes = await wish.fetch(signal);

  // Read, and make it an object of today if it is one of 2019.
  const { configured, modern } = read(wish, bytes);
  const spec = configured.object;
  if (spec.hasCoreRelocations && !deps.host.hasBtf) {
    const message = `load ${wish.ref}: the object has CO-RE relocations and this kernel no BTF [a kernel with CONFIG_DEBUG_INFO_BTF, or an object built for it]`;
    throw new LoadRefused('BTFMissing', message, { ref: wish.ref });
  }

  const { plan, faults } = metricPlan(spec, wish.template?.metrics);
  if (faults.length > 0) {
    const message = `load ${wish.ref}: ${faults.map((fault) => fault.message).join('; ')}`;
    throw new LoadRefused('InvalidMetric', message, { ref: wish.ref });
  }

  // libbpf fails a whole object for one program, and cannot load it again: without that one it is opened anew.
  const attempt: Attempt = { wish, configured, modern, plan, revision };
  const refused = new Map(refusedBefore);
  for (;;) {
    const on = programsToLoad(attempt, refused);
    try {
      const { object, pinPaths } = await loadOnce(deps, attempt, on, signal);
      return { object, bytes, plan, pinPaths, refused, warnings: configured.warnings };
    } catch (thrown) {
      const program = blamedProgram(thrown);
      if (program === undefined || !on.has(program) || !canSpare(wish, program)) throw thrown;
      refused.set(program, explain(thrown, deps.host));
    }
  }
}

/** Whether the rest of a BPF may run without a program. */
export const canSpare = ({ template }: WantedProgram, program: string): boolean =>
  roleOf(program, template?.programs ?? []) !== 'required';

interface Attempt {
  readonly wish: WantedProgram;
  readonly configured: Configured;
  /** As libbpf takes it. */
  readonly modern: Uint8Array;
  readonly plan: MetricPlan;
  /** For the journal. */
  readonly revision: string;
}

/** Throws TwinsRefused. */
function programsToLoad({ wish, configured }: Attempt, refused: Refused): ReadonlySet<string> {
  const entries = wish.template?.programs ?? [];
  const { on, exhausted } = choosePrograms(configured.object.programs, entries, new Set(refused.keys()));
  if (exhausted === undefined) return on;
  const twins = new Set(exhausted);
  throw new TwinsRefused(wish.ref, new Map(Array.from(refused).filter(([name]) => twins.has(name))));
}

async function loadOnce(
  deps: LoadDeps,
  { wish, configured, modern, plan, revision }: Attempt,
  on: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Pick<Loaded, 'object' | 'pinPaths'>> {
  const spec = configured.object;
  refuseUnsupported(wish.ref, spec, on);
  refuseIdle(wish.ref, spec, on, deps.host);
  for (const program of spec.programs) if (on.has(program.name) && canSpare(wish, program.name)) probeTarget(program);

  // Open. The result maps get their places, so that those of the last agent are found again.
  using opened = OpenObject.open(deps.lib, objectNameOf(wish), modern, btfPathFor(deps, spec));
  opened.setTypes(new Map(spec.programs.map(({ name, type }) => [name, programTypes.indexOf(type)])));
  opened.enable(on);
  const maps = opened.maps();
  setGlobals(maps, configured.globals);
  resizeMaps(maps, wish);
  const pinPaths = pinMaps(deps.pins, wish.uid, spec, plan, maps);

  // Create the maps and have every program verified. The journal tells the next agent if we do not survive this.
  signal.throwIfAborted();
  using undo = new DisposableStack();
  const object = await deps.journal.during(revision, async () => undo.use(await opened.load()));
  undo.move();
  return { object, pinPaths };
}

/**
 * Of a type that the kernel does not have (one of another version, which the program asks for), libbpf looks for it in the
 * modules. Without CAP_SYS_ADMIN, before 1.5, it gives up there: told of one BTF, it does not look further.
 */
function btfPathFor({ lib, host }: LoadDeps, { hasCoreRelocations }: ObjectSpec): string | undefined {
  if (!hasCoreRelocations || host.seesModuleBtf) return undefined;
  const [major = 0, minor = 0] = lib.version.split('.').map(Number);
  return major === 1 && minor < 5 ? kernelBtfPath : undefined;
}

/** Dots would read as the start of a section's name. */
const objectNameOf = ({ name }: WantedProgram): string => name.slice(0, objectNameLength).replaceAll('.', '_');

function read({ ref, template }: WantedProgram, bytes: Uint8Array): { configured: Configured; modern: Uint8Array } {
  const { spec, modern } = readBytes(ref, bytes);
  if (spec.programs.length > maxPrograms) {
    const message = `load ${ref}: ${spec.programs.length} programs in one object, more than ${maxPrograms} [split it]`;
    throw new LoadRefused('InvalidObject', message, { ref });
  }
  const configured = configure(spec, template);
  if (!configured.ok) throw new LoadRefused('InvalidObject', `load ${ref}: ${configured.message}`, { ref });
  return { configured, modern };
}

function readBytes(ref: string, bytes: Uint8Array): { spec: ObjectSpec; modern: Uint8Array } {
  try {
    return { spec: readObject(bytes), modern: upgradeLegacy(bytes) };
  } catch (cause) {
    throw new LoadRefused('InvalidObject', `load ${ref}: ${messageOf(cause)}`, { ref }, cause);
  }
}

/** What nothing here could attach is refused by name, before the kernel is asked: its errno would blame the kernel. */
function refuseUnsupported(ref: string, { programs }: ObjectSpec, on: ReadonlySet<string>): void {
  const foreign = programs.find(({ type, name }) => !attachable.has(type) && on.has(name));
  if (foreign === undefined) return;
  const why =
    foreign.type === 'unspec'
      ? 'libbpf knows no such section name [see SEC() names in docs/agent.md]'
      : `this version of the agent does not attach programs of type ${foreign.type}`;
  const message = `load ${ref}: program ${foreign.name} (SEC("${foreign.section}")): ${why}`;
  throw new LoadRefused('ProgramTypeUnsupported', message, { ref, program: foreign.name });
}

/** A kernel attaches LSM programs although nothing will call them: what never counts must not look as if it ran. */
function refuseIdle(ref: string, { programs }: ObjectSpec, on: ReadonlySet<string>, { securityModules }: Host): void {
  if (securityModules === undefined || securityModules.includes('bpf')) return;
  const idle = programs.find(({ type, name }) => type === 'lsm' && on.has(name));
  if (idle === undefined) return;
  const modules = securityModules.join(',');
  const message = `load ${ref}: program ${idle.name} (SEC("${idle.section}")) would never be called: of this kernel's security modules (${modules}) none is bpf [boot with lsm=${modules},bpf]`;
  throw new LoadRefused('ProgramTypeUnsupported', message, { ref, program: idle.name });
}

/** Each section is read, patched and set whole. */
function setGlobals(maps: readonly OpenMap[], globals: Configured['globals']): void {
  for (const [section, values] of Map.groupBy(globals, (value) => value.section)) {
    const map = mapNamed(maps, section);
    const image = map.initial();
    for (const { offsetBytes, bytes } of values) image.set(bytes, offsetBytes);
    map.setInitial(image);
  }
}

function resizeMaps(maps: readonly OpenMap[], { template }: WantedProgram): void {
  for (const { name, maxEntries } of template?.maps ?? []) {
    mapNamed(maps, name).resize(maxEntries);
  }
}

/** What `configure` found in the object is in libbpf's reading of it too. */
function mapNamed(maps: readonly OpenMap[], name: string): OpenMap {
  const found = maps.find((map) => map.name === name);
  if (found === undefined) throw new TypeError(`libbpf made no map of ${name}`);
  return found;
}

/** libbpf attaches these by their SEC(), or `kernel/attach.ts` does. */
const attachable: ReadonlySet<ProgramType> = new Set([
  'socket_filter',
  'kprobe',
  'tracepoint',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
  'lsm',
  'cgroup_skb',
  'cgroup_sock',
  'cgroup_sock_addr',
  'cgroup_sockopt',
  'cgroup_device',
  'cgroup_sysctl',
]);

/** Pins the maps that the plan exports, under names that change with anything that gives their bytes another meaning. */
function pinMaps(
  pins: Pins | undefined,
  uid: string,
  spec: ObjectSpec,
  plan: MetricPlan,
  maps: readonly OpenMap[],
): Set<string> {
  const paths = new Set<string>();
  const results = new Set(plan.tables.map(({ map }) => map));
  for (const map of maps) {
    if (pins === undefined || !results.has(map.name)) {
      map.pinAt(undefined);
      continue;
    }
    const declared = spec.maps.find(({ name }) => name === map.name);
    const layout =
      declared === undefined ? sectionLayout(spec, map.name, sha256(map.initial())) : mapLayout(spec, declared);
    const path = pins.pathFor(uid, map.name, layout);
    map.pinAt(path);
    paths.add(path);
  }
  return paths;
}
