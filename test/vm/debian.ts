import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../runner/command.ts';

/** A kernel of Debian, unpacked: a folder with `vmlinuz`, and `modules/` for the virtio disk. */
export interface Kernel {
  /** `6.1` */
  readonly series: string;
  readonly folder: string;
  /** More of the kernel's command line. */
  readonly parameters: string;
}

/** One that could not be had. */
export interface MissingKernel {
  readonly series: string;
  readonly reason: string;
}

/**
 * The kernels of the last three releases of Debian. The newest is locked down, as it is by itself on a machine with
 * Secure Boot. On 6.1 all agents have the libraries of Debian 12, as under systemd there; on the others those in the part
 * of Pods have those of the image.
 */
const wanted = [
  { series: '5.10', suite: 'bullseye', parameters: '' },
  { series: '6.1', suite: 'bookworm', parameters: 'kube_bpf.libraries=machine' },
  { series: '6.12', suite: 'trixie', parameters: 'lockdown=integrity' },
] as const;

const fetchTimeoutMs = 5 * 60_000;

/** From this machine's cache; fetched into it where they are missing, with a progress line on stderr. */
export async function findKernels(): Promise<{ readonly kernels: Kernel[]; readonly missing: MissingKernel[] }> {
  const script = fileURLToPath(new URL('get-kernel.sh', import.meta.url));
  const kernels: Kernel[] = [];
  const missing: MissingKernel[] = [];
  for (const { series, suite, parameters } of wanted) {
    const { ok, output } = await command(script, [series, suite], { timeoutMs: fetchTimeoutMs, showStderr: true });
    if (ok) kernels.push({ series, folder: output.trim(), parameters });
    else missing.push({ series, reason: output.trim() || `${script} ${series} ${suite} failed` });
  }
  return { kernels, missing };
}

/** A folder with the libraries of the agent's image; kept and fetched like the kernels. Throws where they are not to be had. */
export async function findImageLibraries(): Promise<string> {
  const script = fileURLToPath(new URL('get-image-libraries.sh', import.meta.url));
  const { ok, output } = await command(script, [], { timeoutMs: fetchTimeoutMs, showStderr: true });
  if (!ok) throw new Error(output.trim() || `${script} failed`);
  return output.trim();
}

/** Debian's version of it: `6.1.176-1`. */
export const versionOfKernel = ({ folder }: Kernel): string =>
  basename(folder).split('_')[1] ?? 'of an unknown version';
