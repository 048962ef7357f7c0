import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Document, parse, Scalar } from 'yaml';
import { z } from 'zod';

/** Base64 is broken into lines of this many characters: readable by every tool, as in RFC 2045. */
const base64LineLength = 76;

/** What clang calls the machine's headers and what bpf_tracing.h calls its registers. */
const architectures: Readonly<Record<string, { readonly triplet: string; readonly target: string }>> = {
  x64: { triplet: 'x86_64-linux-gnu', target: 'x86' },
  arm64: { triplet: 'aarch64-linux-gnu', target: 'arm64' },
};

/** Compiles one eBPF program in C to an ELF object with BTF and without debug sections, and returns its bytes. */
export function compileObject(sourcePath: string): Uint8Array {
  const architecture = architectures[arch()];
  if (architecture === undefined) throw new Error(`compile ${sourcePath}: no rule for the architecture ${arch()}`);
  const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-compile-'));
  try {
    const objectPath = join(folder, 'object.o');
    // -mcpu=v3 (Linux 5.1): 32-bit arithmetic, without which the verifier loses bounds that C code has checked.
    const flags = [
      '-target',
      'bpf',
      '-mcpu=v3',
      '-O2',
      '-g',
      '-Wall',
      '-Werror',
      `-D__TARGET_ARCH_${architecture.target}`,
    ];
    // Line information names the source file: without its folder, the same source gives the same bytes everywhere.
    flags.push(`-ffile-prefix-map=${dirname(sourcePath)}/=`, '-ffile-compilation-dir=.');
    // clang knows no system headers for the bpf target; asm/types.h stands below the machine's triplet.
    const headers = ['-idirafter', `/usr/include/${architecture.triplet}`];
    execFileSync('clang', [...flags, ...headers, '-c', sourcePath, '-o', objectPath], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    execFileSync('llvm-strip', ['--strip-debug', objectPath], { stdio: ['ignore', 'inherit', 'inherit'] });
    return readFileSync(objectPath);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The part of a BPF manifest that says where its object is. */
const bpfSource = z.object({
  metadata: z.object({ namespace: z.string().optional() }),
  spec: z.object({
    program: z.object({ valueFrom: z.object({ configMapKeyRef: z.object({ name: z.string(), key: z.string() }) }) }),
  }),
});

/** The YAML of a BPF, as written, behind that of the ConfigMap which it refers to. */
export function manifestWithObject(bpfYaml: string, object: Uint8Array): string {
  const bpf = bpfSource.parse(parse(bpfYaml));
  const { name, key } = bpf.spec.program.valueFrom.configMapKeyRef;
  const base64 = new Scalar(wrap(Buffer.from(object).toString('base64'), base64LineLength));
  base64.type = Scalar.BLOCK_LITERAL; // Go's decoder, and so the API server, skips line breaks in base64
  const configMap = new Document({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...(bpf.metadata.namespace !== undefined && { namespace: bpf.metadata.namespace }) },
    binaryData: { [key]: base64 },
  });
  return `${configMap.toString()}---\n${bpfYaml}`;
}

function wrap(text: string, length: number): string {
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += length) lines.push(text.slice(at, at + length));
  return lines.map((line) => `${line}\n`).join('');
}

/** An agent may be watching the folder: it sees the whole new file or the old one, and nothing where nothing changed. */
function replaceFile(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Every `NAME.bpf.c` of a folder, with the `NAME.yaml` beside it. */
function programNames(folder: string): string[] {
  const suffix = '.bpf.c';
  return readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => basename(file, suffix))
    .sort();
}

if (import.meta.main) {
  const programs = fileURLToPath(new URL('../bpf/programs', import.meta.url));
  const output = fileURLToPath(new URL('../build/manifests', import.meta.url));
  mkdirSync(output, { recursive: true });
  const written = new Set<string>();
  for (const name of programNames(programs)) {
    const object = compileObject(join(programs, `${name}.bpf.c`));
    const bpfYaml = readFileSync(join(programs, `${name}.yaml`), 'utf8');
    replaceFile(join(output, `${name}.yaml`), manifestWithObject(bpfYaml, object));
    written.add(`${name}.yaml`);
  }
  // A program that was taken out leaves no manifest behind.
  for (const file of readdirSync(output)) if (!written.has(file)) rmSync(join(output, file));
}
