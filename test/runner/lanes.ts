import { readdirSync, realpathSync } from 'node:fs';
import { release } from 'node:os';
import { basename } from 'node:path';
import { findBinaries } from '../apiserver/harness/binaries.ts';
import { command, versionOf } from './command.ts';

/** Tests that need the same things of the machine, run together. */
export interface Lane {
  readonly name: string;
  /** Folders and files for jest. */
  readonly paths: readonly string[];
  /** How many test files at once. Those that look at the whole kernel go one by one. */
  readonly workers: number;
  /** Killed after this: a lane that does not end has left something open, and that is a failure. */
  readonly timeoutMs: number;
  /** Gets ready what the lane needs and says what will run for real. Throws, with the reason, where it cannot run. */
  prepare(): Promise<readonly string[]>;
}

const minuteMs = 60_000;

export const lanes: readonly Lane[] = [
  {
    name: 'unit',
    paths: ['test/unit', 'test/tidy.test.ts'],
    workers: 2,
    timeoutMs: 5 * minuteMs,
    prepare: async () => [`Node ${process.version}`],
  },
  {
    name: 'chart',
    paths: ['test/chart'],
    workers: 1,
    timeoutMs: 5 * minuteMs,
    prepare: async () => {
      const fetched = await command('test/chart/get-helm.sh', [], { timeoutMs: 5 * minuteMs });
      if (!fetched.ok) throw new Error(fetched.output.trim());
      const helms = [...fetched.output.matchAll(/^helm\d=(.+)$/gm)].map((match) => match[1] ?? '');
      return Promise.all(
        helms.map(async (helm) => `helm ${await versionOf(helm, ['version', '--short'], /^(v\S+)/m)}`),
      );
    },
  },
  {
    name: 'apiserver',
    paths: ['test/apiserver'],
    workers: 1,
    timeoutMs: 15 * minuteMs,
    prepare: prepareApiserver,
  },
  {
    name: 'kernel',
    paths: ['test/kernel'],
    workers: 1,
    timeoutMs: 15 * minuteMs,
    prepare: prepareKernel,
  },
  {
    name: 'path',
    paths: ['test/path'],
    workers: 1,
    timeoutMs: 10 * minuteMs,
    prepare: async () => [...(await prepareApiserver()), ...(await prepareKernel())],
  },
];

async function prepareApiserver(): Promise<readonly string[]> {
  if (process.env['USE_EXISTING_CLUSTER'] === 'true') return ['the cluster that KUBECONFIG names'];
  const { kubeApiserver, etcd } = await findBinaries(process.env);
  return [
    `kube-apiserver ${await versionOf(kubeApiserver, ['--version'], /(v\S+)/)}`,
    `etcd ${await versionOf(etcd, ['--version'], /etcd Version: (\S+)/)}`,
  ];
}

async function prepareKernel(): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) throw new Error('loading eBPF programs needs root');
  const mounted = await command('tools/mounts.sh', []);
  if (!mounted.ok) throw new Error(mounted.output.trim());
  await probeBpf();
  return [
    `Linux ${release()}`,
    `libbpf ${libbpfVersion()}`,
    `clang ${await versionOf('clang', ['--version'], /version (\S+)/)}`,
    `Prometheus ${await versionOf('prometheus', ['--version'], /version (\S+)/)}`,
  ];
}

/** Makes a map in the kernel, which tells whether bpf(2) is to be had at all. */
async function probeBpf(): Promise<void> {
  const path = `/sys/fs/bpf/kube-bpf-test-probe-${process.pid}`;
  const shape = ['type', 'array', 'key', '4', 'value', '4', 'entries', '1', 'name', 'probe'];
  const made = await command('bpftool', ['map', 'create', path, ...shape]);
  if (!made.ok) throw new Error(`bpf(2) is refused: ${made.output.trim()}`);
  await command('rm', ['-f', path]);
}

/** From the name of the file behind libbpf.so.1. */
function libbpfVersion(): string {
  for (const folder of readdirSync('/usr/lib').filter((name) => name.endsWith('-linux-gnu'))) {
    try {
      const version = /libbpf\.so\.(.+)$/.exec(basename(realpathSync(`/usr/lib/${folder}/libbpf.so.1`)))?.[1];
      if (version !== undefined) return version;
    } catch {
      // not of this architecture
    }
  }
  return 'of an unknown version';
}
