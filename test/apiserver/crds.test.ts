import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BpfStatus } from '../../crds/bpf.ts';
import type { BpfNode } from '../../crds/bpf-node.ts';
import type { BpfRevision } from '../../crds/bpf-revision.ts';
import { manifestCases } from '../fixtures/bpf-manifests.ts';
import { talkManifest } from '../fixtures/manifest-case.ts';
import { type ControlPlane, startControlPlane } from './harness/control-plane.ts';

const crds = fileURLToPath(new URL('../../crds/generated', import.meta.url));
const digest = '5f2a9c01d2e3f405'.repeat(4);
const now = '2026-01-02T03:04:05Z';

let controlPlane: ControlPlane;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  await controlPlane.kubectl(['apply', '--server-side', '-f', crds]);
  await controlPlane.kubectl(['wait', '--for=condition=Established', '--timeout=30s', '-f', crds]);
}, 120_000);
afterAll(() => controlPlane?.stop());

const apply = (object: object, ...flags: string[]) =>
  controlPlane.kubectl(['apply', ...flags, '-f', '-'], { input: JSON.stringify(object), mayFail: true });

async function writeStatus(name: string, status: BpfStatus, kind = 'bpf'): Promise<void> {
  const patch = JSON.stringify({ status });
  await controlPlane.kubectl(['patch', kind, name, '--subresource=status', '--type=merge', '-p', patch]);
}

const conditions = (ready: boolean): BpfStatus['conditions'] => [
  { type: 'Accepted', status: 'True', reason: 'Accepted', message: 'object pinned', lastTransitionTime: now },
  {
    type: 'Ready',
    status: ready ? 'True' : 'False',
    reason: ready ? 'AllNodesReady' : 'SomeNodesFailed',
    message: ready ? '2 of 2 nodes' : '1 of 2 nodes failed',
    lastTransitionTime: now,
  },
];

describe('the CRDs', () => {
  test('are structural and within the limits of CEL', async () => {
    const { stdout } = await controlPlane.kubectl(['get', 'crd', '-o', 'json']);
    const list = JSON.parse(stdout) as {
      items: { metadata: { name: string }; status: { conditions: { type: string; status: string }[] } }[];
    };
    const states = list.items
      .filter(({ metadata }) => metadata.name.endsWith('.bpf.sh'))
      .map(({ metadata, status }) => [
        metadata.name,
        ...status.conditions.filter((condition) => condition.status === 'True').map(({ type }) => type),
      ]);
    // NonStructuralSchema and KubernetesAPIApprovalPolicyConformant would be further conditions.
    expect(states).toEqual([
      ['bpfnodes.bpf.sh', 'NamesAccepted', 'Established'],
      ['bpfrevisions.bpf.sh', 'NamesAccepted', 'Established'],
      ['bpfs.bpf.sh', 'NamesAccepted', 'Established'],
    ]);
  });
});

describe('kubectl apply of a BPF', () => {
  test.each(['ebpf-exporter', 'bcc'])('what is said of the objects of %s is taken', async (name) => {
    const folder = fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
    const { stdout } = await controlPlane.kubectl(['apply', '--dry-run=server', '-f', folder]);
    const taken = stdout.trim().split('\n');
    expect(taken.filter((line) => !line.endsWith(' created (server dry run)'))).toEqual([]);
    expect(taken).toHaveLength(readdirSync(folder).length);
  });

  test.each(manifestCases.map((row) => [row.what, row] as const))('%s', async (_what, { manifest, refused }) => {
    const { code, stderr } = await apply(manifest, '--dry-run=server');
    if (refused === undefined) {
      expect(stderr).toBe('');
      expect(code).toBe(0);
    } else {
      expect(stderr).toMatch(refused.kubectl);
      expect(code).not.toBe(0);
    }
  });

  test("the talk's manifest, unchanged, and what is not in it is filled in", async () => {
    const { stdout } = await apply(talkManifest, '-o', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ spec: { ...talkManifest.spec, suspend: false } });
  });

  test('status is the subresource alone', async () => {
    await apply({ ...talkManifest, metadata: { name: 'no-status' }, status: { phase: 'Ready' } });
    const { stdout } = await controlPlane.kubectl(['get', 'bpf', 'no-status', '-o', 'jsonpath={.status}']);
    expect(stdout).toBe('');
  });
});

describe('what people see of a BPF', () => {
  const nodes = { desired: 2, updated: 2, ready: 1, failed: 1, unknown: 0, summary: '1/2' };

  beforeAll(async () => {
    for (const name of ['seen-ready', 'seen-degraded']) await apply({ ...talkManifest, metadata: { name } });
    await writeStatus('seen-ready', {
      phase: 'Ready',
      revision: '5f2a9c01',
      nodes: { ...nodes, ready: 2, failed: 0, summary: '2/2' },
      conditions: conditions(true),
    });
    await writeStatus('seen-degraded', {
      phase: 'Degraded',
      revision: '77aa01bc',
      nodes,
      conditions: conditions(false),
    });
  });

  const table = async (...args: string[]) =>
    (await controlPlane.kubectl(['get', ...args])).stdout
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s{2,}/));

  test('kubectl get', async () => {
    const rows = await table('bpf', 'seen-degraded');
    expect(rows[0]).toEqual(['NAME', 'READY', 'STATUS', 'FAILED', 'AGE']);
    expect(rows[1]?.slice(0, 4)).toEqual(['seen-degraded', '1/2', 'Degraded', '1']);
  });

  test('kubectl get -o wide', async () => {
    const rows = await table('bpf', 'seen-degraded', '-o', 'wide');
    expect(rows[0]).toEqual(['NAME', 'READY', 'STATUS', 'FAILED', 'REVISION', 'PROGRAM', 'MESSAGE', 'AGE']);
    expect(rows[1]?.slice(4, 7)).toEqual(['77aa01bc', 'pkts-config', '1 of 2 nodes failed']);
  });

  test('kubectl get --field-selector status.phase', async () => {
    const { stdout } = await controlPlane.kubectl([
      'get',
      'bpf',
      '-o',
      'name',
      '--field-selector',
      'status.phase=Degraded',
    ]);
    expect(stdout.trim()).toBe('bpf.bpf.sh/seen-degraded');
  });

  test('kubectl wait for Ready: true at once, or until its time is up', async () => {
    const wait = (name: string, timeout: string) =>
      controlPlane.kubectl(['wait', '--for=condition=Ready', `bpf/${name}`, `--timeout=${timeout}`], { mayFail: true });
    expect((await wait('seen-ready', '10s')).stdout.trim()).toBe('bpf.bpf.sh/seen-ready condition met');
    expect((await wait('seen-degraded', '1s')).stderr).toMatch(/timed out waiting for the condition/);
  });

  test('kubectl explain', async () => {
    const explain = async (field: string) => (await controlPlane.kubectl(['explain', field])).stdout;
    expect(await explain('bpf')).toMatch(/An eBPF object to run on every selected node/);
    const program = await explain('bpf.spec.program');
    expect(program).toMatch(/The eBPF object to run: an ELF file/);
    expect(program).toMatch(/valueFrom\s+<Object> -required-\n\s+Where the object is read from\./);
    expect(program).toMatch(/sha256\s+<string>\n\s+The SHA-256 of the object/);
    expect(await explain('bpf.status.conditions')).toMatch(/Ready: every selected node that can run it/);
    expect(await explain('bpfnode.status.programs.reason')).toMatch(/Why it is not Ready, in one word/);
    expect(await explain('bpfrevision.spec.payload.configMap')).toMatch(/The immutable ConfigMap/);
  });

  test('the category lists every kind of ours', async () => {
    const { stdout } = await controlPlane.kubectl(['api-resources', '--categories=bpf-sh', '-o', 'name']);
    expect(stdout.trim().split('\n').sort()).toEqual(['bpfnodes.bpf.sh', 'bpfrevisions.bpf.sh', 'bpfs.bpf.sh']);
    expect((await controlPlane.kubectl(['get', 'bpf-sh'])).stdout).toMatch(/seen-ready/);
  });
});

describe('the bounds of a status', () => {
  beforeAll(() => apply({ ...talkManifest, metadata: { name: 'bounded' } }));

  const patch = (status: object) =>
    controlPlane.kubectl(
      ['patch', 'bpf', 'bounded', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })],
      {
        mayFail: true,
      },
    );
  const failures = (count: number, nodes: number) =>
    Array.from({ length: count }, (_, i) => ({
      reason: `R${i}`,
      count: 1,
      nodes: Array(nodes).fill('n'),
      message: 'm',
    }));

  test.each<[string, object, RegExp | undefined]>([
    ['ten groups of failures with five nodes each', { failures: failures(10, 5) }, undefined],
    ['eleven groups', { failures: failures(11, 1) }, /status\.failures: Too many: 11: must have at most 10 items/],
    ['six nodes', { failures: failures(1, 6) }, /status\.failures\[0\]\.nodes: Too many: 6: must have at most 5 items/],
    ['a phase that there is not', { phase: 'Fine' }, /status\.phase: Unsupported value: "Fine"/],
    [
      'two conditions of one type',
      { conditions: [...(conditions(true) ?? []), ...(conditions(true) ?? [])] },
      /Duplicate value/,
    ],
    ['a revision that is no hash', { revision: 'latest' }, /status\.revision: Invalid value: "latest"/],
  ])('%s', async (_what, status, refused) => {
    const { code, stderr } = await patch(status);
    expect(stderr).toMatch(refused ?? /^$/);
    expect(code === 0).toBe(refused === undefined);
  });
});

describe('a BPFRevision', () => {
  const revision: BpfRevision = {
    apiVersion: 'bpf.sh/v1alpha1',
    kind: 'BPFRevision',
    metadata: { name: 'pkts-bpf-5f2a9c01' },
    spec: {
      bpf: { name: 'pkts-bpf', uid: 'u-1', createdAt: now },
      generation: 1,
      sequence: 1,
      active: true,
      payload: {
        sha256: digest,
        sizeBytes: 18_344,
        configMap: { namespace: 'bpf-system', name: 'bpf-payload-5f2a9c01d2e3f405' },
      },
      selector: { nodeSelector: { 'kubernetes.io/arch': 'amd64' } },
      jitterMs: 40,
    },
  };
  const changed = (spec: Partial<BpfRevision['spec']>) => ({ ...revision, spec: { ...revision.spec, ...spec } });

  beforeAll(() => apply(revision));

  test.each<[string, object, RegExp | undefined]>([
    ['sequence, active and selector may change', changed({ sequence: 2, active: false, selector: {} }), undefined],
    [
      'the BPF may get another name only with another uid',
      changed({ bpf: { ...revision.spec.bpf, uid: 'u-2' } }),
      /spec\.bpf: Invalid value: .*uid is immutable/,
    ],
    [
      'the payload may not change',
      changed({ payload: { ...revision.spec.payload, sha256: '0'.repeat(64) } }),
      /spec\.payload: Invalid value: .*payload is immutable/,
    ],
    [
      'nor where it is',
      changed({
        payload: { ...revision.spec.payload, configMap: { namespace: 'other', name: 'bpf-payload-5f2a9c01d2e3f405' } },
      }),
      /spec\.payload: Invalid value: .*payload is immutable/,
    ],
    [
      'a template is not added',
      changed({ template: { globals: { a: 1 } } }),
      /spec: Invalid value: .*template is immutable/,
    ],
    ['a report may be delayed by five seconds', changed({ jitterMs: 5000 }), undefined],
    ['and not by more', changed({ jitterMs: 5001 }), /spec\.jitterMs.*should be less than or equal to 5000/],
    ['there is no status', { ...revision, status: {} }, /unknown field "status"/],
  ])('%s', async (_what, object, refused) => {
    const { code, stderr } = await apply(object, '--dry-run=server');
    expect(stderr).toMatch(refused ?? /^$/);
    expect(code === 0).toBe(refused === undefined);
  });

  test('a template stays as it was said', async () => {
    const template = {
      globals: { min_us: 10, ports: [80, [443]] },
      maps: [{ name: 'm', maxEntries: 1 }],
      programs: [{ firstOf: ['a', 'b'] }, { name: 'c', required: false }],
    };
    const metadata = { name: 'pkts-bpf-00000000' };
    const having = (changes: object | undefined) => ({
      ...changed(changes === undefined ? {} : { template: { ...template, ...changes } }),
      metadata,
    });
    expect(await apply(having({}))).toMatchObject({ code: 0 });
    const edits = [
      undefined,
      { globals: { ...template.globals, min_us: 11 } },
      { globals: { ...template.globals, ports: [80, [444]] } },
      { globals: { ...template.globals, max_us: 1 } },
      { maps: [{ name: 'm', maxEntries: 2 }] },
      { programs: [{ firstOf: ['b', 'a'] }, { name: 'c', required: false }] },
    ];
    const passed: unknown[] = [];
    for (const edit of edits) {
      const { stderr } = await apply(having(edit), '--dry-run=server');
      if (!/spec: Invalid value: .*template is immutable/.test(stderr)) passed.push([edit, stderr]);
    }
    expect(passed).toEqual([]);
    expect(await apply({ ...having({}), spec: { ...having({}).spec, sequence: 2 } })).toMatchObject({ code: 0 });
  });

  test('kubectl get', async () => {
    const { stdout } = await controlPlane.kubectl(['get', 'bpfrevisions', '-o', 'wide']);
    expect(stdout).toMatch(/^NAME +BPF +ACTIVE +SEQUENCE +PAYLOAD +SHA256 +AGE\n/);
    expect(stdout).toMatch(/\npkts-bpf-5f2a9c01 +pkts-bpf +true +1 +bpf-payload-5f2a9c01d2e3f405 /);
  });
});

describe('a BPFNode', () => {
  const node: BpfNode = { apiVersion: 'bpf.sh/v1alpha1', kind: 'BPFNode', metadata: { name: 'n1' } };
  const status: BpfNode['status'] = {
    nodeUID: 'u',
    agent: { version: '0.1.0', libbpf: '1.1.2' },
    kernel: { release: '6.12.0', arch: 'x86_64', btf: true, lockdown: 'none', features: ['ringbuf', 'batch'] },
    desired: 2,
    ready: 1,
    summary: '1/2',
    programs: [
      {
        ref: 'net/drops',
        revision: '77aa01bc',
        state: 'Failed',
        reason: 'AttachTargetMissing',
        message: 'é'.repeat(256),
      },
      { ref: 'tracing/runqlat', revision: '5f2a9c01' },
    ],
    conditions: [{ type: 'AgentReady', status: 'True', reason: 'Running', message: '', lastTransitionTime: now }],
  };
  const patch = (patched: object) =>
    controlPlane.kubectl(
      ['patch', 'bpfnode', 'n1', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status: patched })],
      {
        mayFail: true,
      },
    );

  beforeAll(() => apply(node));

  test('takes a whole status in one merge patch, and shows it', async () => {
    expect((await patch(status)).stderr).toBe('');
    const { stdout } = await controlPlane.kubectl(['get', 'bpfnodes']);
    expect(stdout).toMatch(/^NAME +READY +KERNEL +AGENT +AGE\nn1 +1\/2 +6\.12\.0 +0\.1\.0 /);
    const read = JSON.parse((await controlPlane.kubectl(['get', 'bpfnode', 'n1', '-o', 'json'])).stdout) as BpfNode;
    expect(read.status).toEqual(status); // no default was written into 100 entries
  });

  test('a message of 257 characters is refused', async () => {
    const { stderr } = await patch({ programs: [{ ref: 'a/b', revision: '77aa01bc', message: 'm'.repeat(257) }] });
    expect(stderr).toMatch(/status\.programs\[0\]\.message: Too long: may not be more than 256/);
  });

  test('is not in a namespace', async () => {
    const { stdout } = await controlPlane.kubectl([
      'api-resources',
      '--namespaced=false',
      '--api-group=bpf.sh',
      '-o',
      'name',
    ]);
    expect(stdout.trim()).toBe('bpfnodes.bpf.sh');
  });
});
