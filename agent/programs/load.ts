import type { MetricPlan } from '../../bpf/metrics/plan.ts';
import { zeroConfig } from '../../bpf/metrics/zero-config.ts';
import { readObject } from '../../bpf/object/read-object.ts';
import { type ProgramType, programTypes } from '../../bpf/object/section-names.ts';
import type { ObjectSpec } from '../../bpf/object/spec.ts';
import { upgradeLegacy } from '../../bpf/object/upgrade-legacy.ts';
import { messageOf } from '../../runtime/errors.ts';
import { sha256 } from '../../runtime/sha256.ts';
import type { Host } from '../kernel/host.ts';
import { type LoadedObject, maxPrograms, OpenObject } from '../kernel/kernel-object.ts';
import type { Pins } from '../kernel/pins.ts';
import type { Libbpf } from '../libbpf/binding.ts';
import type { WantedProgram } from '../source/source.ts';
import { LoadRefused } from './failure.ts';
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
}

/** libbpf makes the names of section maps of this; the kernel keeps 15 bytes of a name. */
const objectNameLength = 15;

/**
 * One load, top to bottom, up to the point where something would change for what runs now. Throws LoadRefused,
 * ObjectFailure, PayloadError or what `signal` aborts with; `explain` makes a reason of it.
 */
export async function load(deps: LoadDeps, wish: WantedProgram, signal: AbortSignal): Promise<Loaded> {
  const revision = `${wish.ref}@${wish.revision}`;
  const crashes = deps.journal.quarantined(revision);
  if (crashes > 0) {
    const message = `load ${wish.ref}: revision ${wish.revision} ended the agent ${crashes} times in a row [change the object, or run another agent version]`;
    throw new LoadRefused('CrashedAgent', message, { ref: wish.ref });
  }

  // Fetch: inflated, and of the pinned digest, before anything parses it.
  const bytes = await wish.fetch(signal);

  // Read, and make it an object of today if it is one of 2019.
  const { spec, modern } = read(wish.ref, bytes);
  refuseUnsupported(wish.ref, spec);
  if (spec.hasCoreRelocations && !deps.host.hasBtf) {
    const message = `load ${wish.ref}: the object has CO-RE relocations and this kernel no BTF [a kernel with CONFIG_DEBUG_INFO_BTF, or an object built for it]`;
    throw new LoadRefused('BTFMissing', message, { ref: wish.ref });
  }

  const { plan, faults } = zeroConfig(spec);
  if (faults.length > 0) {
    const message = `load ${wish.ref}: ${faults.map((fault) => fault.message).join('; ')}`;
    throw new LoadRefused('InvalidMetric', message, { ref: wish.ref });
  }

  // Open. The result maps get their places, so that those of the last agent are found again.
  using opened = OpenObject.open(deps.lib, wish.name.slice(0, objectNameLength), modern);
  opened.setTypes(new Map(spec.programs.map(({ name, type }) => [name, programTypes.indexOf(type)])));
  const pinPaths = pinMaps(deps.pins, wish.uid, spec, plan, opened);

  // Create the maps and have every program verified. The journal tells the next agent if we do not survive this.
  signal.throwIfAborted();
  using undo = new DisposableStack();
  const object = await deps.journal.during(revision, async () => undo.use(await opened.load()));
  undo.move();
  return { object, bytes, plan, pinPaths };
}

function read(ref: string, bytes: Uint8Array): { spec: ObjectSpec; modern: Uint8Array } {
  try {
    return { spec: readObject(bytes), modern: upgradeLegacy(bytes) };
  } catch (cause) {
    throw new LoadRefused('InvalidObject', `load ${ref}: ${messageOf(cause)}`, { ref }, cause);
  }
}

/** What nothing here could attach is refused by name, before the kernel is asked: its errno would blame the kernel. */
function refuseUnsupported(ref: string, { programs }: ObjectSpec): void {
  if (programs.length > maxPrograms) {
    const message = `load ${ref}: ${programs.length} programs in one object, more than ${maxPrograms} [split it]`;
    throw new LoadRefused('InvalidObject', message, { ref });
  }
  const foreign = programs.find(({ type, section }) => !attachable.has(type) && !isOff(section));
  if (foreign === undefined) return;
  const message = `load ${ref}: program ${foreign.name} (SEC("${foreign.section}")): this version of the agent does not attach programs of type ${foreign.type}`;
  throw new LoadRefused('ProgramTypeUnsupported', message, { ref });
}

/** SEC("?tp/…"): libbpf leaves such a program out unless it is told otherwise. */
const isOff = (section: string): boolean => section.startsWith('?');

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
  opened: OpenObject,
): Set<string> {
  const paths = new Set<string>();
  const results = new Set(plan.tables.map(({ map }) => map));
  for (const map of opened.maps()) {
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
