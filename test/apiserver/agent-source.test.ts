import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Registry } from 'prom-client';
import { KubernetesSource } from '../../agent/source/kubernetes.ts';
import type { BpfNodeObject } from '../../agent/source/resources.ts';
import type { ProgramReport, Wishes } from '../../agent/source/source.ts';
import { readYamlDocuments } from '../../agent/source/yaml-documents.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { KubeConnection } from '../../runtime/kube/connection.ts';
import { Transport } from '../../runtime/kube/transport.ts';
import { LogLines } from '../fakes/log-lines.ts';
import { minimalElf } from '../fixtures/elf-builder.ts';
import { operatorNamespace, payloadDraft, type RevisionParts, revisionDraft } from '../fixtures/revisions.ts';
import { yamlScalars } from '../fixtures/yaml-corpus.ts';
import { type ControlPlane, startControlPlane } from './harness/control-plane.ts';
import { eventually } from './harness/eventually.ts';

const crds = fileURLToPath(new URL('../../crds/generated', import.meta.url));

/** A kind that takes anything, to see what kubectl makes of YAML. */
const anythingCrd = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'anythings.test.bpf.sh' },
  spec: {
    group: 'test.bpf.sh',
    names: { kind: 'Anything', plural: 'anythings', singular: 'anything', listKind: 'AnythingList' },
    scope: 'Cluster',
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        },
      },
    ],
  },
};

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  await controlPlane.kubectl(['apply', '--server-side', '-f', crds]);
  await controlPlane.kubectl(['apply', '--server-side', '-f', '-'], { input: JSON.stringify(anythingCrd) });
  await controlPlane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
}, 120_000);
afterAll(() => controlPlane?.stop());

describe('YAML is read as kubectl reads it', () => {
  const head = 'apiVersion: test.bpf.sh/v1\nkind: Anything\n';

  /** The specs of the objects that kubectl finds in a text, as the API server has them; undefined when it refuses. */
  async function kubectlReads(text: string): Promise<unknown[] | undefined> {
    const args = ['create', '--dry-run=server', '-o', 'jsonpath={.spec}{"\\n"}', '-f', '-'];
    const { code, stdout } = await controlPlane.kubectl(args, { input: text, mayFail: true });
    return code === 0
      ? stdout
          .trimEnd()
          .split('\n')
          .map((line): unknown => JSON.parse(line))
      : undefined;
  }

  /** The same, as a folder of manifests would give it. */
  function weRead(text: string): unknown[] | undefined {
    const documents = readYamlDocuments(text);
    if (documents.some(({ type }) => type === 'unreadable')) return undefined;
    return documents.map((document) =>
      document.type === 'value' ? (document.value as { spec: unknown }).spec : undefined,
    );
  }

  test('every scalar of the table', async () => {
    const fields = yamlScalars.map(([scalar], i) => `  c${i}: ${scalar.replaceAll('\n', '\n  ')}\n`);
    const text = `${head}metadata: {name: scalars}\nspec:\n${fields.join('')}`;
    const [spec] = (await kubectlReads(text)) ?? [];
    const expected = Object.fromEntries(yamlScalars.map(([, value], i) => [`c${i}`, value]));
    expect(spec).toEqual(expected);
    expect(weRead(text)).toEqual([spec]);
  });

  test.each([
    [
      'several documents, empty ones and comments',
      `---\n# a\n---\n${head}metadata: {name: a}\nspec: {x: 1}\n--- # b\n${head}metadata: {name: b}\nspec: {x: 2}\n---\n`,
    ],
    [
      'Windows line ends',
      `${head}metadata: {name: a}\nspec:\n  x: |\n    two\n    lines\n---\n${head}metadata: {name: b}\nspec: {x: 2}\n`.replaceAll(
        '\n',
        '\r\n',
      ),
    ],
    [
      'keys that are no text',
      `${head}metadata: {name: a}\nspec: {yes: 1, 010: 2, "010": 3, 1.5: 4, x: 5, no: 7, 2001-01-01: 8}\n`,
    ],
    [
      'anchors and merge keys',
      `${head}metadata: {name: a}\nspec:\n  base: &base {x: 1, y: 2}\n  a: *base\n  b: {<<: *base, x: 3}\n  c: {<<: [*base, {z: 1}]}\n`,
    ],
    [
      'text over several lines',
      `${head}metadata: {name: a}\nspec:\n  a: >-\n    folded\n    lines\n  b: "double\n    quoted \\\n    lines"\n  c: plain\n    lines\n  d: |+\n    kept\n\n  e: |2\n      indented\n`,
    ],
    [
      'JSON',
      JSON.stringify(
        {
          apiVersion: 'test.bpf.sh/v1',
          kind: 'Anything',
          metadata: { name: 'a' },
          spec: { x: [1, 'é😀"\\', null, true, { '': 1.5e3 }] },
        },
        undefined,
        '\t',
      ),
    ],
    ['flow over several lines', `${head}metadata: {name: a}\nspec: {x: [1,\n   2, ], # two\n  }\n`],
    ['base64 in lines', `${head}metadata: {name: a}\nspec:\n  x: !!binary aGVsbG8=\n  y: |\n    aGVs\n    bG8=\n`],
  ])('%s', async (_what, text) => {
    const read = await kubectlReads(text);
    expect(read).toBeDefined();
    expect(weRead(text)).toEqual(read);
  });

  test.each([
    ['a list that does not end', `${head}metadata: {name: a}\nspec: {x: [1}\n`],
    ['tabs', `${head}metadata: {name: a}\nspec:\n\tx: 1\n`],
    ['an alias of nothing', `${head}metadata: {name: a}\nspec: {x: *nothing}\n`],
    ['a key without a value in a block', `${head}metadata: {name: a}\nspec:\n  x: 1\n  y\n`],
    ['quotes that do not end', `${head}metadata: {name: a}\nspec: {x: "y}\n`],
  ])('%s is refused by both', async (_what, text) => {
    expect(await kubectlReads(text)).toBeUndefined();
    expect(weRead(text)).toBeUndefined();
  });

  // The one place where we are stricter, and why: kubectl loses the first of the two without a word.
  test('a key that stands twice is refused by us alone', async () => {
    const text = `${head}metadata: {name: a}\nspec: {x: 1, x: 2}\n`;
    expect(await kubectlReads(text)).toEqual([{ x: 2 }]);
    expect(weRead(text)).toBeUndefined();
  });
});

describe('the Kubernetes source on a real API server, with no more rights than its role gives', () => {
  const node = 'source-node';
  const elf = minimalElf();

  /** Design: operator.md "Security". */
  const role = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'test-agent' },
    rules: [
      { apiGroups: ['bpf.sh'], resources: ['bpfrevisions'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: ['bpf.sh'], resources: ['bpfnodes'], verbs: ['get'] },
      { apiGroups: ['bpf.sh'], resources: ['bpfnodes/status'], verbs: ['patch'] },
      // In a cluster: in the operator's namespace only.
      { apiGroups: [''], resources: ['configmaps'], verbs: ['get'] },
    ],
  };

  let connection: KubeConnection;

  beforeAll(async () => {
    await create(role);
    await controlPlane.kubectl(['create', 'namespace', operatorNamespace]);
    await controlPlane.kubectl([
      'create',
      'clusterrolebinding',
      'test-agent',
      '--clusterrole=test-agent',
      `--serviceaccount=${operatorNamespace}:agent`,
    ]);
    const token = await controlPlane.tokenFor(operatorNamespace, 'agent');
    const ca = readFileSync(controlPlane.caFile, 'utf8');
    connection = { server: controlPlane.url, credentials: async () => ({ ca, token }) };
    await create({ apiVersion: 'v1', kind: 'Node', metadata: { name: node, labels: { pool: 'a' } } });
    await create({ apiVersion: 'bpf.sh/v1alpha1', kind: 'BPFNode', metadata: { name: node } });
    await create(payloadDraft(elf));
  });

  const create = (object: object) => controlPlane.kubectl(['create', '-f', '-'], { input: JSON.stringify(object) });
  const makeRevision = (parts: RevisionParts) => create(revisionDraft(parts));
  const bpfNode = async () =>
    JSON.parse((await controlPlane.kubectl(['get', 'bpfnode', node, '-o', 'json'])).stdout) as BpfNodeObject;

  class Agent implements AsyncDisposable {
    readonly said: Wishes[] = [];
    readonly connections: boolean[] = [];
    readonly log = new LogLines();
    readonly registry = new Registry();
    readonly transport: Transport;
    readonly source: KubernetesSource;
    readonly #stop = new AbortController();
    readonly #ended: Promise<void>;

    constructor(folder: string) {
      const { registry } = this;
      const clock = systemClock;
      const { logger } = this.log;
      this.transport = new Transport({ connection, clock, logger, registry, userAgent: 'agent', maxConnections: 3 });
      this.source = new KubernetesSource({
        ...{ transport: this.transport, clock, logger, registry, nodeName: node, folder },
        agent: { version: '0.1.0', libbpf: '1.1.2' },
        kernel: {
          release: '6.1.0',
          arch: 'x86_64',
          btf: true,
          lockdown: 'none',
          features: ['ringbuf'],
          obstacle: undefined,
        },
        onConnected: (connected) => this.connections.push(connected),
      });
      this.#ended = this.source.run(this.#stop.signal, (wishes) => this.said.push(wishes));
    }

    get wanted(): string | undefined {
      const last = this.said.at(-1);
      return (
        last && `${last.wanted.map(({ ref, revision }) => `${ref}@${revision}`).join(' ')}${last.complete ? '' : '?'}`
      );
    }

    wants(wanted: string) {
      return eventually(`wishes ${wanted}`, () => this.wanted === wanted, { deadlineMs: 30_000 });
    }

    report(state: ProgramReport['state'], more: Partial<ProgramReport> = {}): void {
      this.source.report(
        (this.said.at(-1)?.wanted ?? []).map(({ ref, revision }) => ({ ref, revision, state, ...more })),
      );
    }

    async [Symbol.asyncDispose](): Promise<void> {
      this.#stop.abort();
      await this.#ended;
      await this.source.flush(new AbortController().signal);
    }
  }

  test('follows revisions, fetches objects, reports, and comes up without the API server', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kube-bpf-source-'));
    try {
      await makeRevision({ name: 'a', nodeSelector: { pool: 'a' } });
      await makeRevision({ name: 'b', nodeSelector: { pool: 'b' } });
      {
        await using agent = new Agent(folder);
        await agent.wants('default/a@5f2a9c01');
        const bytes = await agent.said[0]?.wanted[0]?.fetch(new AbortController().signal);
        expect(Buffer.from(bytes ?? [])).toEqual(Buffer.from(elf));

        agent.report('Failed', { reason: 'VerifierRejected', message: 'é'.repeat(300) });
        await eventually('the status', async () => (await bpfNode()).status?.summary === '0/1');
        agent.report('Ready');
        const ready = await eventually('the status', async () => {
          const { status } = await bpfNode();
          return status?.summary === '1/1' && status;
        });
        expect(ready.programs).toEqual([{ ref: 'default/a', revision: '5f2a9c01' }]);
        expect(ready.conditions).toMatchObject([
          { type: 'AgentReady', status: 'True' },
          { type: 'KernelSupported', status: 'True' },
        ]);

        await controlPlane.kubectl(['label', 'node', node, 'pool=b', '--overwrite']);
        await agent.wants('default/b@5f2a9c01');
        await controlPlane.kubectl(['delete', 'bpfrevision', 'b-5f2a9c01']);
        await agent.wants('');
        await controlPlane.kubectl(['label', 'node', node, 'pool=a', '--overwrite']);
        await agent.wants('default/a@5f2a9c01');

        await controlPlane.killApiserver();
        await eventually('the loss', () => agent.connections.at(-1) === false, { deadlineMs: 30_000 });
        expect(agent.wanted).toBe('default/a@5f2a9c01');
        expect(agent.transport.connections).toBeLessThanOrEqual(3);
      }

      // The last agent stopped, and a new one starts, while nobody answers.
      await using agent = new Agent(folder);
      expect(agent.wanted).toBe('default/a@5f2a9c01?');
      const bytes = await agent.said[0]?.wanted[0]?.fetch(new AbortController().signal);
      expect(Buffer.from(bytes ?? [])).toEqual(Buffer.from(elf));
      await controlPlane.restartApiserver();
      await agent.wants('default/a@5f2a9c01');
      agent.report('Ready');
      await eventually('the status', async () => (await bpfNode()).status?.conditions?.[0]?.status === 'True', {
        deadlineMs: 30_000,
      });
      // Nothing was sent that the server does not know: an unknown field comes back as a warning.
      expect(agent.log.lines.filter(({ msg }) => msg === 'warning from the API server')).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 120_000);
});
