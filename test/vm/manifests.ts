import { libraryManifest, libraryNames } from '../fixtures/library.ts';
import { compileFixture } from '../kernel/fixture.ts';
import type { CpioFile } from './cpio.ts';

/** Hooks on one system call, getpgid(2), which hardly anybody makes: as many BPFs, each of one program. */
export const hooks = [
  { name: 'kprobe', hook: 'kprobe/__x64_sys_getpgid' },
  { name: 'kretprobe', hook: 'kretprobe/__x64_sys_getpgid' },
  { name: 'ksyscall', hook: 'ksyscall/getpgid' },
  { name: 'kretsyscall', hook: 'kretsyscall/getpgid' },
  { name: 'kprobe-multi', hook: 'kprobe.multi/__x64_sys_getpgid' },
  { name: 'fentry', hook: 'fentry/__x64_sys_getpgid' },
  { name: 'fexit', hook: 'fexit/__x64_sys_getpgid' },
  { name: 'fmod-ret', hook: 'fmod_ret/__x64_sys_getpgid' },
  { name: 'lsm', hook: 'lsm/task_getpgid' },
  { name: 'tracepoint', hook: 'tracepoint/syscalls/sys_enter_getpgid' },
  { name: 'raw-tp', hook: 'raw_tp/sys_enter', defines: ['SYSCALL_ARG'] },
  { name: 'tp-btf', hook: 'tp_btf/sys_enter', defines: ['SYSCALL_ARG'] },
] as const;

/** What spec.programs says of test/fixtures/kernel/twins.bpf.c, whose three programs count the same. */
const twins = {
  // The first that this kernel takes.
  twins: [{ firstOf: ['by_no_function', 'by_fentry', 'by_kprobe'] }],
  'twins-kprobe': [{ firstOf: ['by_no_function', 'by_kprobe'] }, { name: 'by_fentry', enabled: false }],
  // Nobody said that they are twins.
  'twins-unsaid': [{ name: 'by_no_function', enabled: false }],
};

/** Folders of manifests for the agents in the machine: `library`, `hooks`, and `all` of both. */
export function manifests(): CpioFile[] {
  const library = libraryNames.map((name) => ({ name: `${name}.yaml`, text: libraryManifest(name) }));
  const own = [
    ...hooks.map(({ name, hook, ...rest }) => {
      const defines = 'defines' in rest ? rest.defines : [];
      return { name: `${name}.json`, text: manifest(name, compileFixture('getpgid', { hook, defines })) };
    }),
    ...Object.entries(twins).map(([name, programs]) => ({
      name: `${name}.json`,
      text: manifest(name, compileFixture('twins'), { programs }),
    })),
  ];
  return Object.entries({ library, hooks: own, all: [...library, ...own] }).flatMap(([folder, files]) =>
    files.map(({ name, text }) => ({ path: `opt/manifests/${folder}/${name}`, content: Buffer.from(text) })),
  );
}

/** A ConfigMap and the BPF of it; `spec` is more of spec. */
function manifest(name: string, object: Uint8Array, spec: object = {}): string {
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    binaryData: { 'object.o': Buffer.from(object).toString('base64') },
  };
  const bpf = {
    apiVersion: 'bpf.sh/v1alpha1',
    kind: 'BPF',
    metadata: { name },
    spec: { program: { valueFrom: { configMapKeyRef: { name, key: 'object.o' } } }, ...spec },
  };
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [configMap, bpf] });
}
