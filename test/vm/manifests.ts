import { libraryManifest, libraryNames } from '../fixtures/library.ts';
import { compileFixture } from '../kernel/fixture.ts';
import type { CpioFile } from './cpio.ts';

/**
 * Hooks on one system call, getpgid(2), which hardly anybody makes: as many BPFs, each of one program. `perf`: attached by
 * perf_event_open(2), which kernel.perf_event_paranoid may close.
 */
export const hooks = [
  { name: 'kprobe', hook: 'kprobe/__x64_sys_getpgid', perf: true },
  { name: 'kretprobe', hook: 'kretprobe/__x64_sys_getpgid', perf: true },
  { name: 'ksyscall', hook: 'ksyscall/getpgid', perf: true },
  { name: 'kretsyscall', hook: 'kretsyscall/getpgid', perf: true },
  { name: 'kprobe-multi', hook: 'kprobe.multi/__x64_sys_getpgid' },
  { name: 'fentry', hook: 'fentry/__x64_sys_getpgid' },
  { name: 'fexit', hook: 'fexit/__x64_sys_getpgid' },
  { name: 'fmod-ret', hook: 'fmod_ret/__x64_sys_getpgid' },
  { name: 'lsm', hook: 'lsm/task_getpgid' },
  { name: 'tracepoint', hook: 'tracepoint/syscalls/sys_enter_getpgid', perf: true },
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

/** Programs of the library once more, by a twin that is not the first of its manifest. */
export const variants = [
  {
    of: 'cachestat',
    name: 'cachestat-kprobe',
    entries: ['firstOf: [on_access_folio_kprobe, on_access_page_kprobe]', 'firstOf: [on_dirty_folio, on_dirty_page]'],
    off: ['on_access_folio_fentry', 'on_access_page_fentry'],
  },
  {
    of: 'oomkills',
    name: 'oomkills-kprobe',
    entries: ['name: on_victim_kprobe'],
    off: ['on_victim', 'on_victim_fentry'],
  },
  {
    of: 'oomkills',
    name: 'oomkills-fentry',
    entries: ['name: on_victim_fentry'],
    off: ['on_victim', 'on_victim_kprobe'],
  },
];

/** The library's manifest under another name and with other `spec.programs`. */
function variant({ of, name, entries, off }: (typeof variants)[number]): string {
  const programs = [...entries, ...off.map((program) => `{name: ${program}, enabled: false}`)];
  return libraryManifest(of)
    .replaceAll(new RegExp(`^( +name: )${of}$`, 'gm'), `$1${name}`)
    .replace(
      /^ {2}programs:\n(?: {2}- .*\n)+/m,
      ['  programs:', ...programs.map((entry) => `  - ${entry}`), ''].join('\n'),
    );
}

/** Folders of manifests for the agents in the machine: `library` with its variants, `hooks`, and `all` with twins too. */
export function manifests(): CpioFile[] {
  const library = [
    ...libraryNames.map((name) => ({ name: `${name}.yaml`, text: libraryManifest(name) })),
    ...variants.map((each) => ({ name: `${each.name}.yaml`, text: variant(each) })),
  ];
  const onHooks = hooks.map(({ name, hook, ...rest }) => {
    const defines = 'defines' in rest ? rest.defines : [];
    return { name: `${name}.json`, text: manifest(name, compileFixture('getpgid', { hook, defines })) };
  });
  const withTwins = Object.entries(twins).map(([name, programs]) => ({
    name: `${name}.json`,
    text: manifest(name, compileFixture('twins'), { programs }),
  }));
  const kinds = { name: 'kinds.json', text: manifest('kinds', compileFixture('kinds')) };
  const folders = { library, hooks: onHooks, all: [...library, ...onHooks, ...withTwins, kinds] };
  return Object.entries(folders).flatMap(([folder, files]) =>
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
