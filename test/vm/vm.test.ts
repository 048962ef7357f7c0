import { libraryNames } from '../fixtures/library.ts';
import { boot, bootTimeoutMs } from './boot.ts';
import { modules, systemFiles } from './initramfs.ts';
import { findKernels } from './kernels.ts';
import { hooks, manifests } from './manifests.ts';
import { Told } from './told.ts';

/** The agent on kernels of Debian, in machines that are all software; one boot of each serves all that is asked. */

const { kernels } = await findKernels();
const files = [...(await systemFiles()), ...manifests()];

/** Hooks that a kernel does not have, and how the agent calls that. */
const refused: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Debian builds its kernels without CONFIG_FUNCTION_ERROR_INJECTION.
  '5.10': {
    'fmod-ret': 'VerifierRejected',
    'kprobe-multi': 'ProgramTypeUnsupported',
    lsm: 'ProgramTypeUnsupported', // bpf is not among its security modules
  },
  '6.1': { 'fmod-ret': 'VerifierRejected', 'kprobe-multi': 'ProgramTypeUnsupported' },
  '6.12': { 'fmod-ret': 'VerifierRejected' },
};

describe.each(kernels.map((kernel) => [kernel.series, kernel] as const))('Linux %s', (series, kernel) => {
  let told: Told;
  beforeAll(async () => {
    told = new Told(await boot(kernel, [...files, ...modules(kernel)]));
  }, bootTimeoutMs);

  const refusedHere = refused[series] ?? {};
  const driver = () => ({ key: String(told.machine.driverPid) });

  test('is what it should be', () => {
    expect(told.machine).toMatchObject({
      release: expect.stringMatching(new RegExp(`^${series.replace('.', '\\.')}\\.`)),
      lockdown: kernel.parameters.includes('lockdown=integrity') ? 'integrity' : 'none',
      perfEventParanoid: '3',
    });
  });

  test('runs every program of the library', () => {
    const missing = new Set(libraryNames).difference(new Set(told.ready('root')));
    const why = Array.from(missing, (name) => ({ name, why: told.warnings('root').get(name) }));
    expect(why).toEqual([]);
  });

  test.each(hooks.map(({ name }) => name))('counts each call once through %s, or says why not', (name) => {
    const reason = refusedHere[name];
    if (reason !== undefined) expect(told.warnings('root').get(name)).toMatchObject([{ reason }]);
    else {
      expect(told.warnings('root').get(name)).toBeUndefined();
      expect(told.added('root', 'getpgid', 'bpf_getpgid_total', { bpf_name: name, ...driver() })).toBe(11);
    }
  });

  test('of twins runs the first that it takes', () => {
    expect(told.off('root', 'twins')).toEqual(['by_no_function']);
    expect(told.added('root', 'getpgid', 'bpf_twins_total', { bpf_name: 'twins', ...driver() })).toBe(11);
    expect(told.off('root', 'twins-kprobe')).toEqual(['by_no_function']);
    expect(told.added('root', 'getpgid', 'bpf_twins_total', { bpf_name: 'twins-kprobe', ...driver() })).toBe(11);
  });

  test('counts twice with twins that nobody said are twins, and the agent warns of it', () => {
    expect(told.added('root', 'getpgid', 'bpf_twins_total', { bpf_name: 'twins-unsaid', ...driver() })).toBe(22);
    expect(told.warnings('root').get('twins-unsaid')).toMatchObject([{ msg: expect.stringContaining('count twice') }]);
  });

  test('pkts: five echoes to 127.0.0.1 are twenty packets', () => {
    expect(told.added('root', 'ping', 'bpf_packets', { key: '1' })).toBe(20);
  });

  test('execs: three commands are three', () => {
    expect(told.added('root', 'exec', 'bpf_execs_total', { comm: 'vm-exec', uid: '0' })).toBe(3);
  });

  test('writes: seven of 100 bytes', () => {
    expect(told.added('root', 'write', 'bpf_writes_calls', { comm: 'vm-write' })).toBe(7);
    expect(told.added('root', 'write', 'bpf_writes_bytes', { comm: 'vm-write' })).toBe(700);
  });

  test('sched-switch: a command that ends leaves the CPU', () => {
    expect(told.added('root', 'exec', 'bpf_switches_total', { comm: 'vm-exec' })).toBeGreaterThanOrEqual(3);
  });

  test('cgroup-egress: of the root of cgroup2, so of everybody; its sizes add up', () => {
    // Each echo, and the answer to it.
    expect(told.added('root', 'ping', 'bpf_egress_packets_total')).toBeGreaterThanOrEqual(10);
    expect(told.sum('root', 'bpf_egress_sizes')).toBe(told.sum('root', 'bpf_egress_packets_total'));
  });

  test('runqlat: waits add up to what the buckets hold', () => {
    expect(told.added('root', 'exec', 'bpf_run_queue_wait_seconds_count')).toBeGreaterThan(0);
    expect(told.sum('root', 'bpf_run_queue_wait_seconds_bucket', { le: '+Inf' })).toBe(
      told.sum('root', 'bpf_run_queue_wait_seconds_count'),
    );
  });
});
