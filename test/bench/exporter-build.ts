import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { messageOf } from '../../runtime/errors.ts';
import { mustRun, run } from '../apiserver/harness/run.ts';

const exporterVersion = '2.5.1';
const moduleVersion = `github.com/cloudflare/ebpf_exporter/v2@v${exporterVersion}`;
/** The oldest libbpf that it builds with, and the suite of Debian that has it where the machine's own has not. */
const libbpfWanted = '1.5';
const suite = 'trixie';
const buildTimeoutMs = 15 * 60_000;

/** The path of its binary, which stays below build/ for the next time; undefined, and said so, where it cannot be built. */
export async function exporterOrNone(progress: (line: string) => void): Promise<string | undefined> {
  const folder = fileURLToPath(new URL('../../build/bench/exporter', import.meta.url));
  try {
    return await buildExporter(folder, progress);
  } catch (thrown) {
    const [why] = messageOf(thrown).split('\n');
    progress(`without ebpf_exporter ${exporterVersion}, which cannot be built here: ${why}`);
    return undefined;
  }
}

/** The folder of its Go module in Go's cache. Throws where it cannot be had. */
export async function exporterModule(): Promise<string> {
  const downloaded = await mustRun('go', ['mod', 'download', '-json', moduleVersion], { timeoutMs: buildTimeoutMs });
  return z.object({ Dir: z.string() }).parse(JSON.parse(downloaded)).Dir;
}

/**
 * Builds ebpf_exporter from its Go module, with the module's own go.sum, and returns the binary's path below `folder`,
 * where it stays for the next time. Throws where it cannot be built. Nothing outside `folder` and Go's caches changes.
 */
async function buildExporter(folder: string, progress: (line: string) => void): Promise<string> {
  const binary = join(folder, `ebpf_exporter-${exporterVersion}`);
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  progress(`building ebpf_exporter ${exporterVersion} (once, some minutes)`);
  const options = { timeoutMs: buildTimeoutMs };
  const source = join(folder, 'ebpf_exporter-source');
  cpSync(await exporterModule(), source, { recursive: true });
  await mustRun('chmod', ['-R', 'u+w', source]);

  const system = await run('pkg-config', [`--atleast-version=${libbpfWanted}`, 'libbpf']);
  const flags = system.code === 0 ? { compile: '', link: '-lbpf' } : await buildLibbpf(folder, progress);
  const env = { ...process.env, CGO_ENABLED: '1', CGO_CFLAGS: flags.compile, CGO_LDFLAGS: `${flags.link} -lelf -lz` };
  const draft = `${binary}.new`;
  await mustRun('go', ['build', '-C', source, '-o', draft, './cmd/ebpf_exporter'], { ...options, env });
  renameSync(draft, binary);
  return binary;
}

/**
 * A static libbpf from the source package of a newer Debian, from wherever this machine has its packages: the newer
 * suite's binary package wants a newer C library.
 */
async function buildLibbpf(
  folder: string,
  progress: (line: string) => void,
): Promise<{ compile: string; link: string }> {
  progress(`the machine's libbpf is older than ${libbpfWanted}: building that of Debian ${suite} for it`);
  const apt = join(folder, 'apt');
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, name), { recursive: true });
  const targets = await mustRun('apt-get', ['indextargets', '--format', '$(ORIGIN) $(COMPONENT) $(REPO_URI)']);
  const repository = targets
    .split('\n')
    .find((line) => line.startsWith('Debian main '))
    ?.split(' ')[2];
  if (repository === undefined) throw new Error('this machine has no source of Debian packages');
  const list = join(apt, 'sources.list');
  writeFileSync(list, `deb-src ${repository} ${suite} main\n`);
  const places = [`Dir::Etc::sourcelist=${list}`, 'Dir::Etc::sourceparts=-', `Dir::State::lists=${apt}/lists`];
  const aptGet = [...places, `Dir::Cache=${apt}/cache`, 'APT::Sandbox::User=root'].flatMap((place) => ['-o', place]);
  await mustRun('apt-get', [...aptGet, 'update'], { timeoutMs: buildTimeoutMs });

  const source = join(folder, 'libbpf-source');
  mkdirSync(source, { recursive: true });
  await mustRun('sh', ['-c', 'cd "$0" && apt-get "$@" source --download-only libbpf', apt, ...aptGet], {
    timeoutMs: buildTimeoutMs,
  });
  const archive = readdirSync(apt).find((name) => /^libbpf_.*\.orig\.tar\.\w+$/.test(name));
  if (archive === undefined) throw new Error(`Debian ${suite} gave no source of libbpf`);
  await mustRun('tar', ['xf', join(apt, archive), '-C', source, '--strip-components=1']);
  const made = join(folder, 'libbpf');
  const settings = ['BUILD_STATIC_ONLY=1', `OBJDIR=${made}/objects`, `DESTDIR=${made}`, 'PREFIX=', 'LIBDIR=/lib'];
  await mustRun('make', ['-s', '-C', join(source, 'src'), ...settings, 'install'], { timeoutMs: buildTimeoutMs });
  // The kernel's headers of that age lie beside libbpf's source.
  return { compile: `-I${made}/include -I${source}/include/uapi`, link: `${made}/lib/libbpf.a` };
}
