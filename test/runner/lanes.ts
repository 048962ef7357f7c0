import { readdirSync, realpathSync } from 'node:fs';
import { release } from 'node:os';
import { basename } from 'node:path';
import { findBinaries } from '../apiserver/harness/binaries.ts';
import { findImageLibraries, findKernels, versionOfKernel } from '../vm/debian.ts';
import { command, versionOf } from './command.ts';
import type { Skip } from './outcome.ts';

/** Tests that need the same things of the machine, run together. */
export interface Lane {
  readonly name: string;
  /** Folders and files for jest. */
  readonly paths: readonly string[];
  /** How many test files at once. Those that look at the whole kernel go one by one. */
  readonly workers: number;
  /** Killed after this: a lane that does not end has left something open, and that is a failure. */
  readonly timeoutMs: number;
  /** Gets ready what the lane needs. Throws, with the reason, where it cannot run. */
  prepare(): Promise<Prepared>;
}

export interface Prepared {
  /** What will run for real. */
  readonly facts: readonly string[];
  /** Parts that cannot, where the rest can. */
  readonly skips?: readonly Skip[];
}

const minuteMs = 60_000;

export const lanes: readonly Lane[] = [
  {
    name: 'unit',
    paths: ['test/unit', 'test/tidy.test.ts'],
    workers: 2,
    timeoutMs: 5 * minuteMs,
    prepare: async () => ({ facts: [`Node ${process.version}`] }),
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
      const versions = helms.map((helm) => versionOf(helm, ['version', '--short'], /^(v\S+)/m));
      return { facts: (await Promise.all(versions)).map((version) => `helm ${version}`) };
    },
  },
  {
    name: 'apiserver',
    paths: ['test/apiserver'],
    workers: 1,
    timeoutMs: 15 * minuteMs,
    prepare: async () => ({ facts: await prepareApiserver() }),
  },
  {
    name: 'kernel',
    paths: ['test/kernel'],
    workers: 1,
    timeoutMs: 15 * minuteMs,
    prepare: async () => ({ facts: await prepareKernel() }),
  },
  {
    name: 'vm',
    paths: ['test/vm'],
    workers: 1,
    timeoutMs: 30 * minuteMs,
    prepare: prepareVm,
  },
  {
    name: 'path',
    paths: ['test/path'],
    workers: 1,
    timeoutMs: 10 * minuteMs,
    prepare: async () => ({ facts: [...(await prepareApiserver()), ...(await prepareKernel())] }),
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

/** Kernels that cannot be had are skipped one by one. */
async function prepareVm(): Promise<Prepared> {
  if (process.arch !== 'x64')
    throw new Error(`the machines are x86-64, and so are the Node and libbpf in them; this is ${process.arch}`);
  const qemu = await command('qemu-system-x86_64', ['--version']);
  if (!qemu.ok) throw new Error(qemu.output.trim());
  const { kernels, missing } = await findKernels();
  const skips = missing.map(({ series, reason }) => ({ what: `vm: Linux ${series}`, reason }));
  if (kernels.length === 0) throw new Error(skips.map(({ reason }) => reason).join('; '));
  const image = /libbpf1_(\S+)$/.exec(await findImageLibraries())?.[1];
  const booted = kernels.map((kernel) => `Linux ${versionOfKernel(kernel)}`);
  const version = /version (\S+)/.exec(qemu.output)?.[1] ?? 'of an unknown version';
  return { facts: [...booted, `QEMU ${version}, all in software`, `libbpf ${libbpfVersion()} and ${image}`], skips };
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
