import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { mustRun, type RunResult, run } from '../apiserver/harness/run.ts';

export const chart = fileURLToPath(new URL('../../charts/kube-bpf', import.meta.url));

/** A Kubernetes object as a template gives it: looked at by path, so its shape is open. */
export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

export interface Helm {
  /** `helm3`, `helm4`. */
  readonly name: string;
  /** Runs it; a nonzero exit code is an answer. */
  run(args: readonly string[]): Promise<RunResult>;
  /** The objects of the chart with these values, hooks included. Throws with what helm said. */
  template(values?: object): Promise<readonly Rendered[]>;
}

/** Every helm that the chart is to work with, fetched into this machine's cache when missing. */
export async function findHelms(): Promise<readonly Helm[]> {
  const found = await mustRun(fileURLToPath(new URL('get-helm.sh', import.meta.url)), [], { timeoutMs: 300_000 });
  return [...found.matchAll(/^(helm\d)=(.+)$/gm)].map(([, name = '', path = '']) => helmAt(name, path));
}

function helmAt(name: string, path: string): Helm {
  return {
    name,
    run: (args) => run(path, args),
    template: async (values = {}) => {
      const args = ['template', 'kube-bpf', chart, '--namespace', 'bpf-system', '--values', '-'];
      const { code, stdout, stderr } = await run(path, args, { input: JSON.stringify(values) });
      if (code !== 0) throw new Error(stderr.trim());
      return parseObjects(stdout);
    },
  };
}

export const parseObjects = (yaml: string): readonly Rendered[] =>
  parseAllDocuments(yaml)
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJS() as Rendered | null;
    })
    .filter((object) => object !== null);

/** The one object of that kind and name. */
export function objectOf(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name === name);
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} objects ${kind}/${name}`);
  return found[0];
}

/** The DaemonSet that the operator is handed. */
export function agentDaemonSet(objects: readonly Rendered[]): Rendered {
  const { data } = objectOf(objects, 'ConfigMap', 'kube-bpf-agent') as Rendered & {
    readonly data: Record<string, string>;
  };
  const [daemonSet] = parseObjects(data['daemonset.yaml'] ?? '');
  if (daemonSet === undefined) throw new Error('no daemonset.yaml in the ConfigMap');
  return daemonSet;
}
