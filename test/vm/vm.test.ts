import { libraryNames } from '../fixtures/library.ts';
import { boot, bootTimeoutMs } from './boot.ts';
import { findImageLibraries, findKernels } from './debian.ts';
import { modules, systemFiles } from './initramfs.ts';
import { hooks, manifests, variants } from './manifests.ts';
import { Told } from './told.ts';

/** The agent on kernels of Debian, in machines that are all software; one boot of each serves all that is asked. */

const { kernels } = await findKernels();
const files = [...(await systemFiles(await findImageLibraries())), ...manifests()];

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

/** Programs of the library that a kernel refuses, so that their twins run. */
const libraryOff: Readonly<Record<string, readonly string[]>> = {
  '5.10': [
    'biolatency: on_issue', // the tracepoint of 5.11, which stable took over; libbpf 1.1 cannot tell
    'cachestat: on_access_folio_fentry', // folios: 5.16
    'cachestat: on_access_folio_kprobe',
    'cachestat: on_dirty_folio', // 5.18
    'oomkills: on_victim', // the task as its argument: 6.9, and stable kernels since
    'syscalls: syscall_btf', // bpf_get_current_task_btf: 5.11
  ],
  '6.1': [],
  '6.12': [],
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

  test.each(['root', 'pod-privileges'])('runs every program of the library, as %s', (run) => {
    const wanted = new Set([...libraryNames, ...variants.map(({ name }) => name)]);
    const missing = wanted.difference(new Set(told.ready(run)));
    expect(Array.from(missing, (name) => ({ name, why: told.warnings(run).get(name) }))).toEqual([]);
  });

  test('of the twins of the library run those that stand here', () => {
    const off = libraryNames.flatMap((name) => told.off('root', name).map((program) => `${name}: ${program}`));
    expect(off.sort()).toEqual(libraryOff[series]);
  });

  test.each(hooks.map(({ name }) => name))('counts each call once through %s, or says why not', (name) => {
    const reason = refusedHere[name];
    if (reason !== undefined) expect(told.warnings('root').get(name)).toMatchObject([{ reason }]);
    else {
      expect(told.warnings('root').get(name)).toBeUndefined();
      expect(told.added('root', 'getpgid', 'bpf_getpgid_total', { bpf_name: name, ...driver() })).toBe(11);
    }
  });

  test.each(hooks)('as a Pod without more rights, $name', ({ name, ...hook }) => {
    const warnings = told.warnings('pod').get(name);
    const closed = 'perf' in hook ? 'PermissionDenied' : undefined;
    const reason = refusedHere[name] ?? (series === '5.10' ? 'MemlockExceeded' : closed);
    const labels = { bpf_name: name, ...driver() };
    if (reason === undefined) expect(told.added('pod', 'getpgid', 'bpf_getpgid_total', labels)).toBe(11);
    else if (series === '5.10' && name !== 'lsm') expect(warnings).toMatchObject([{ reason: 'MemlockExceeded' }]);
    else expect(warnings).toMatchObject([{ reason }]);
    if (reason === 'PermissionDenied') expect(warnings?.[0]?.msg).toContain('kernel.perf_event_paranoid is 3');
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

  // Which kinds a kernel reads in batches differs: of 5.10 per-CPU arrays and tries are read entry by entry.
  test.each([
    'in_hash',
    'in_hash_without_prealloc',
    'in_lru_hash',
    'in_percpu_hash',
    'in_lru_percpu_hash',
    'in_array',
    'in_percpu_array',
    'in_lpm_trie',
  ])('%s: eleven calls in five entries', (map) => {
    expect(told.added('root', 'getpgid', `bpf_${map}`)).toBe(11);
    expect(told.sum('root', 'bpf_in_globals', {}, 'getpgid')).toBe(11);
    const samples = told.samples('root', `bpf_${map}`, {}, 'getpgid');
    expect(samples.map(({ value }) => value).sort()).toEqual(['2', '2', '2', '2', '3']);
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

  test('cgroup-egress: of the root of cgroup2, so of everybody', () => {
    // Each echo, and the answer to it; 84 bytes with headers.
    expect(told.added('root', 'ping', 'bpf_egress_packets_total')).toBeGreaterThanOrEqual(10);
    expect(told.added('root', 'ping', 'bpf_egress_sizes', { key: '6' })).toBeGreaterThanOrEqual(10);
  });

  test('runqlat: waits add up to what the buckets hold', () => {
    expect(told.added('root', 'exec', 'bpf_run_queue_wait_seconds_count')).toBeGreaterThan(0);
    expect(told.sum('root', 'bpf_run_queue_wait_seconds_bucket', { le: '+Inf' })).toBe(
      told.sum('root', 'bpf_run_queue_wait_seconds_count'),
    );
  });

  test('exec-rate: of a cgroup, what is started in it', () => {
    const labels = { cgroup: '/sys/fs/cgroup/vm-execs' };
    expect(told.added('root', 'exec-in-cgroup', 'bpf_cgroup_execs_total', labels)).toBe(4);
    expect(told.sum('root', 'bpf_cgroup_execs_total', labels)).toBe(4);
  });

  test('syscalls: by name, and that they went well', () => {
    expect(told.added('root', 'getpgid', 'bpf_syscalls_total', { syscall: 'getpgid', error: 'ok' })).toBe(11);
  });

  test('biolatency: each request of a virtio disk, read or written', () => {
    const added = (what: string, operation: string) =>
      told.added('root', 'disk', `bpf_block_io_seconds_${what}`, { device: 'vda', operation });
    expect(added('count', 'write')).toBe(40);
    expect(added('count', 'read')).toBe(30);
    expect(added('sum', 'write')).toBeGreaterThan(0);
    expect(told.sum('root', 'bpf_block_io_uncounted_total')).toBe(0);
  });

  // The kprobe twin runs beside as a BPF of its own: what one sees the other sees.
  test.each(['cachestat', 'cachestat-kprobe'])('%s: 256 pages come into the cache once and are there then', (name) => {
    const added = (step: string, what: string) =>
      told.added('root', step, `bpf_page_cache_${what}_total`, { bpf_name: name });
    // It reads ahead.
    expect(added('cache-miss', 'additions')).toBeGreaterThanOrEqual(256);
    expect(added('cache-hit', 'additions')).toBe(0);
    expect(added('cache-hit', 'accesses')).toBeGreaterThanOrEqual(256);
  });

  test('cachestat: fentry and kprobe count the same, but for what came between reading one and the other', () => {
    const accesses = (name: string) =>
      told.added('root', 'cache-hit', 'bpf_page_cache_accesses_total', { bpf_name: name });
    expect(Math.abs(accesses('cachestat-kprobe') - accesses('cachestat'))).toBeLessThan(16);
  });

  test.each(['oomkills', 'oomkills-fentry', 'oomkills-kprobe'])('%s: two processes that took too much', (name) => {
    expect(told.added('root', 'oom', 'bpf_oom_kills_total', { bpf_name: name })).toBe(2);
    const labels = { bpf_name: name, cgroup: '/sys/fs/cgroup/vm-memory', comm: 'tail' };
    expect(told.added('root', 'oom', 'bpf_cgroup_oom_kills_total', labels)).toBe(2);
  });

  test('tcp-lifetimes: four connections that sent 100,000 bytes each', () => {
    const below = (le: string) =>
      told.added('root', 'tcp', 'bpf_tcp_connection_sent_bytes_bucket', { role: 'active', le });
    expect(below('262143') - below('65535')).toBe(4);
    const received = (le: string) =>
      told.added('root', 'tcp', 'bpf_tcp_connection_received_bytes_bucket', { role: 'passive', le });
    expect(received('262143') - received('65535')).toBe(4);
  });

  test('tcp-retransmits: the SYN of a connection that nobody accepts', () => {
    const labels = { state: 'syn_sent', cause: 'handshake', family: 'ipv4' };
    expect(told.added('root', 'retransmit', 'bpf_tcp_retransmitted_segments_total', labels)).toBeGreaterThan(0);
  });

  test('drops: datagrams for nobody, with the reason where the kernel knows reasons', () => {
    const labels = { family: 'ipv4', protocol: 'udp', reason: series === '5.10' ? 'UNKNOWN' : 'NO_SOCKET' };
    expect(told.added('root', 'drop', 'bpf_packet_drops_total', labels)).toBe(5);
  });
});
