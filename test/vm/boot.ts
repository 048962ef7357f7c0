import { readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../runtime/errors.ts';
import { run } from '../apiserver/harness/run.ts';
import { type CpioFile, cpioArchive } from './cpio.ts';
import type { Kernel } from './debian.ts';
import { type ReportLine, reportLine } from './report.ts';

/** Boot, agents and steps take a minute or two where nothing else runs, and the longer the more does. */
export const bootTimeoutMs = 600_000;
const memoryMiB = 1024;
const diskMiB = 64;
const consoleTailLines = 40;

/**
 * Boots a kernel in a virtual machine of two processors, all in software, with these files as its initramfs, and gives
 * back what it told until it switched itself off. Throws, with the end of its console, where it did not come to its end.
 */
export async function boot(kernel: Kernel, files: readonly CpioFile[]): Promise<ReportLine[]> {
  const folder = await mkdtemp(join(tmpdir(), 'kube-bpf-vm-'));
  try {
    const [initramfs, disk, consoleLog, report] = ['initramfs', 'disk', 'console', 'report'].map((name) =>
      join(folder, name),
    ) as [string, string, string, string];
    await writeFile(initramfs, cpioArchive(files));
    await writeFile(disk, '');
    await truncate(disk, diskMiB * 1024 * 1024);
    await writeFile(report, '');
    // KVM is left alone on purpose: where a host of virtual machines passes /dev/kvm on, it may hang.
    const machine = ['-accel', 'tcg,thread=multi', '-cpu', 'max,-cx16', '-smp', '2', '-m', String(memoryMiB)];
    const devices = ['-nodefaults', '-display', 'none', '-no-reboot'];
    const ports = ['-serial', `file:${consoleLog}`, '-serial', `file:${report}`];
    const drive = ['-drive', `file=${disk},format=raw,if=virtio`];
    const parameters = `console=ttyS0 quiet panic=-1 ${kernel.parameters}`;
    const system = ['-kernel', join(kernel.folder, 'vmlinuz'), '-initrd', initramfs, '-append', parameters];
    // Ended by the kernel if the test process is killed: a machine would go on for minutes.
    const owned = ['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64'];
    const qemu = await run('setpriv', [...owned, ...machine, ...devices, ...ports, ...drive, ...system], {
      timeoutMs: bootTimeoutMs,
    });
    const lines = readReport(report);
    if (lines.at(-1)?.kind === 'end') return lines;
    const failed = lines.find((line) => line.kind === 'failed');
    const last = lines.findLast((line) => line.kind === 'scrape');
    const where = failed?.message ?? `no end; last came ${last === undefined ? 'nothing' : `${last.run}/${last.step}`}`;
    const ending =
      qemu.code === null ? `killed after ${bootTimeoutMs / 1000} s` : `exit code ${qemu.code} ${qemu.stderr}`;
    throw new Error(`boot Linux ${kernel.series}: ${where}: qemu: ${ending}\n${tail(consoleLog)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function readReport(file: string): ReportLine[] {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((line) => {
    try {
      return reportLine.parse(JSON.parse(line));
    } catch (thrown) {
      return { kind: 'failed', message: `line ${line.slice(0, 200)}: ${messageOf(thrown)}` };
    }
  });
}

const tail = (file: string) => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-consoleTailLines).join('\n');
