import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KubernetesSource } from '../../../../agent/source/kubernetes.ts';
import { bpfRevisions } from '../../../../agent/source/resources.ts';
import type { ProgramReport, Wishes } from '../../../../agent/source/source.ts';
import { Rig } from '../../../apiserver/kube-suite/rig.ts';
import { type KubeTarget, openTarget } from '../../../apiserver/kube-suite/target.ts';
import type { SeenRequest } from '../../../fakes/faulty-server.ts';
import { minimalElf } from '../../../fixtures/elf-builder.ts';
import { revisionDraft } from '../../../fixtures/revisions.ts';
import { AgentRig, fakeApi } from './agent-rig.ts';

const elf = minimalElf();
const isWatch = ({ url }: SeenRequest) => url.searchParams.has('watch');
const isListOf = (plural: string) => (request: SeenRequest) =>
  request.method === 'GET' && !isWatch(request) && request.url.pathname.endsWith(`/${plural}`);

let target: KubeTarget;
/** A cluster for each test, behind one door: its certificate takes longer to make than a test to run. */
let api = fakeApi();
beforeAll(async () => {
  target = await openTarget((request, response) => api.handle(request, response));
});
afterAll(() => target[Symbol.asyncDispose]());
beforeEach(() => {
  api = fakeApi();
  target.faulty.heal();
  target.faulty.forget();
});

/** Agents on one node, one after the other, on the folder of the same instance. */
class SourceRig extends AgentRig {
  readonly said: Wishes[] = [];
  readonly connections: boolean[] = [];
  source!: KubernetesSource;
  /** The process of the agent that runs now: its connections, on our clock. */
  #process: Rig | undefined;

  constructor() {
    super(target);
    this.onDispose(() => this.stopAgent());
  }

  startAgent(): void {
    const { clock, node: nodeName, folder } = this;
    const process = new Rig(target, { clock });
    this.#process = process;
    const { transport, registry } = process;
    const { logger } = this.log;
    const kernel = { release: '6.1.0', arch: 'x86_64', btf: true, lockdown: 'none', features: [], obstacle: undefined };
    const agent = { version: '0.1.0', libbpf: '1.1.2' };
    const onConnected = (connected: boolean) => this.connections.push(connected);
    const random = () => 0;
    const facts = { nodeName, folder, agent, kernel };
    const source = new KubernetesSource({ transport, clock, logger, registry, ...facts, onConnected, random });
    this.source = source;
    this.said.length = 0;
    const stop = new AbortController();
    const ended = source.run(stop.signal, (wishes) => this.said.push(wishes));
    this.stopAgent = async () => {
      stop.abort();
      await ended;
      await source.flush(new AbortController().signal);
      await process[Symbol.asyncDispose]();
    };
  }

  override converge(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    return this.#process?.converge(what, condition) ?? super.converge(what, condition);
  }

  override idle(): Promise<void> {
    return this.#process?.idle() ?? super.idle();
  }

  /** As SIGTERM does. */
  stopAgent: () => Promise<void> = async () => {};

  /** What is wanted now, `?` where not all is known. */
  get wanted(): string | undefined {
    const last = this.said.at(-1);
    if (last === undefined) return undefined;
    const refs = last.wanted.map(({ ref, revision }) => `${ref.replace(`${this.run}/`, '')}@${revision}`);
    return `${refs.join(' ')}${last.complete ? '' : '?'}`;
  }

  wants(wanted: string) {
    return this.converge(`wishes ${wanted}`, () => this.wanted === wanted);
  }

  /** Reports that all of what is wanted came to be so. */
  report(state: ProgramReport['state'] = 'Ready'): void {
    this.source.report((this.said.at(-1)?.wanted ?? []).map(({ ref, revision }) => ({ ref, revision, state })));
  }

  written(summary: string) {
    return this.converge(`status ${summary}`, async () => (await this.bpfNode).status?.summary === summary);
  }
}

describe('wishes from the API server', () => {
  test('begin when all is known, and follow revisions and labels', async () => {
    await using rig = new SourceRig();
    await rig.makeNode({ pool: 'a' });
    await rig.makeRevision({ name: 'a' });
    await rig.makeRevision({ name: 'b', nodeSelector: { pool: 'b' } });
    rig.startAgent();
    await rig.wants('a@5f2a9c01');
    expect(rig.said).toHaveLength(1);
    await rig.makeRevision({ name: 'a', hash: '00000002', sequence: 2 });
    await rig.wants('a@00000002');
    await rig.patchRevision('a-5f2a9c01', { sequence: 3 });
    await rig.wants('a@5f2a9c01');
    await rig.labelNode({ pool: 'b' });
    await rig.wants('a@5f2a9c01 b@5f2a9c01');
    await rig.patchRevision('a-5f2a9c01', { active: false });
    await rig.patchRevision('a-00000002', { active: false });
    await rig.wants('b@5f2a9c01');
    await rig.deleteRevision('b-5f2a9c01');
    await rig.wants('');
    expect(rig.said.every(({ complete }) => complete)).toBe(true);
  });

  test('carry what the agent needs', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makePayload(elf);
    const template = {
      globals: { min_us: 10 },
      maps: [{ name: 'm', maxEntries: 2 }],
      programs: [{ firstOf: ['a', 'b'] }],
    };
    await rig.makeRevision({ uid: 'u1', template });
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    const wish = rig.said[0]?.wanted[0];
    expect(wish).toMatchObject({
      ref: `${rig.run}/pkts`,
      namespace: rig.run,
      name: 'pkts',
      uid: 'u1',
      createdAt: '2026-01-01T00:00:00Z',
      payload: { sizeBytes: elf.length },
      template,
    });
    expect(Buffer.from((await wish?.fetch(new AbortController().signal)) ?? [])).toEqual(Buffer.from(elf));
  });

  test('that there are none is known, not assumed', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    rig.startAgent();
    await rig.wants('');
    expect(rig.said).toEqual([{ wanted: [], rejected: [], suspended: [], problems: 0, complete: true }]);
  });

  test.each(['bpfrevisions', 'nodes'])('wait for %s', async (plural) => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeRevision();
    target.faulty.inject({ type: 'answer', status: 500 }, isListOf(plural), 3);
    rig.startAgent();
    await rig.converge('three refusals', () => target.faulty.requests.filter(isListOf(plural)).length === 3);
    expect(rig.said).toEqual([]);
    await rig.wants('pkts@5f2a9c01');
  });

  test('wait for the Node', async () => {
    await using rig = new SourceRig();
    await rig.makeRevision();
    rig.startAgent();
    await rig.converge('two watches', () => target.faulty.watches.length === 2);
    expect(rig.said).toEqual([]);
    expect(rig.log.lines).toMatchObject([{ level: 'error', node: rig.node }]);
    await rig.makeNode();
    await rig.wants('pkts@5f2a9c01');
  });

  test('outlive a Node that is deleted and made again', async () => {
    await using rig = new SourceRig();
    await rig.makeNode({ pool: 'a' });
    await rig.makeBpfNode();
    await rig.makeRevision({ nodeSelector: { pool: 'a' } });
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    rig.report();
    await rig.written('1/1');
    await rig.deleteNode();
    await rig.deleteBpfNode();
    const { metadata } = await rig.makeNode({ pool: 'a' });
    await rig.makeBpfNode();
    await rig.written('1/1');
    expect((await rig.bpfNode).status?.nodeUID).toBe(metadata.uid);
    expect(rig.wanted).toBe('pkts@5f2a9c01');
    expect(rig.said).toHaveLength(1);
  });

  test('take three connections, and no question but what is needed', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeBpfNode();
    await rig.makePayload(elf);
    await rig.makeRevision();
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    await Promise.all(Array.from({ length: 5 }, () => rig.said[0]?.wanted[0]?.fetch(new AbortController().signal)));
    rig.report();
    await rig.written('1/1');
    expect(target.faulty.peakConnections).toBeLessThanOrEqual(3);
    const plain = target.faulty.requests.filter((request) => !isWatch(request)).map(({ url }) => url.pathname);
    expect(new Set(plain)).toEqual(
      new Set([
        '/apis/bpf.sh/v1alpha1/bpfrevisions',
        '/api/v1/nodes',
        `/api/v1/namespaces/bpf-system/configmaps/${revisionDraft({ elf }).spec.payload.configMap.name}`,
        `/apis/bpf.sh/v1alpha1/bpfnodes/${rig.node}`,
        `/apis/bpf.sh/v1alpha1/bpfnodes/${rig.node}/status`,
      ]),
    );
    const watchOfNode = target.faulty.watches.find(({ request }) => request.url.pathname === '/api/v1/nodes');
    expect(watchOfNode?.request.url.searchParams.get('fieldSelector')).toBe(`metadata.name=${rig.node}`);
    expect(watchOfNode?.request.headers.accept).toContain('as=PartialObjectMetadata');
  });

  test('a revision that cannot be read is rejected, reported, and hurts no other', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeBpfNode();
    await rig.makeRevision();
    const draft = revisionDraft({ namespace: rig.run, name: 'later', hash: '00000009' });
    await rig.other.create(bpfRevisions, { ...draft, spec: { ...draft.spec, sequence: 'later' } });
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    expect(rig.said[0]?.rejected).toMatchObject([{ ref: `${rig.run}/later`, reason: 'Internal' }]);
    rig.report();
    await rig.written('1/2');
    expect((await rig.bpfNode).status?.programs).toMatchObject([
      { ref: `${rig.run}/later`, revision: '00000009', state: 'Failed', reason: 'Internal' },
      { ref: `${rig.run}/pkts` },
    ]);
  });
});

describe('the API server away', () => {
  test('is told, and its return; what was known stays', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeRevision();
    rig.startAgent();
    await rig.converge('the connection', () => rig.connections.length === 1);
    expect(rig.wanted).toBe('pkts@5f2a9c01');
    await target.faulty.kill();
    await rig.converge('the loss', () => rig.connections.length === 2);
    await rig.makeRevision({ name: 'b' });
    expect(rig.said).toHaveLength(1);
    await target.faulty.start();
    await rig.wants('b@5f2a9c01 pkts@5f2a9c01');
    await rig.converge('the connection again', () => rig.connections.length === 3);
    expect(rig.connections).toEqual([true, false, true]);
  });

  test('at the start: what the last agent wanted, with its objects, and nothing is taken for deleted', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makePayload(elf);
    const template = { globals: { min_us: 10 } };
    await rig.makeRevision({ uid: 'u1', template });
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    await rig.said[0]?.wanted[0]?.fetch(new AbortController().signal);
    await rig.stopAgent();

    await target.faulty.kill();
    rig.startAgent();
    expect(rig.wanted).toBe('pkts@5f2a9c01?');
    const wish = rig.said[0]?.wanted[0];
    expect(wish).toMatchObject({ ref: `${rig.run}/pkts`, uid: 'u1', createdAt: '2026-01-01T00:00:00Z', template });
    expect(Buffer.from((await wish?.fetch(new AbortController().signal)) ?? [])).toEqual(Buffer.from(elf));

    await rig.deleteRevision('pkts-5f2a9c01');
    await target.faulty.start();
    await rig.wants('');
  });

  test.each([
    ['cut short', '{"format":1,"wanted":[{'],
    ['of another format', '{"format":2,"wanted":[]}'],
    ['changed', '{"format":1,"wanted":[{"ref":"a/b"}]}'],
  ])('a note that is %s counts as none', async (_what, text) => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeRevision();
    writeFileSync(join(rig.folder, 'wishes.json'), text);
    rig.startAgent();
    expect(rig.said).toEqual([]);
    expect(rig.log.lines).toMatchObject([{ level: 'warn', msg: expect.stringContaining('wishes.json') }]);
    await rig.wants('pkts@5f2a9c01');
    expect(JSON.parse(readFileSync(join(rig.folder, 'wishes.json'), 'utf8'))).toMatchObject({
      format: 1,
      wanted: [{ revision: '5f2a9c01' }],
    });
  });
});

describe('reports', () => {
  test('of what the last agent left are not written before all is known', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeBpfNode();
    await rig.makeRevision();
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    rig.report();
    await rig.written('1/1');
    await rig.stopAgent();
    await rig.makeRevision({ name: 'b' });

    target.faulty.inject({ type: 'answer', status: 500 }, isListOf('bpfrevisions'), 2);
    rig.startAgent();
    rig.report();
    await rig.wants('b@5f2a9c01 pkts@5f2a9c01');
    rig.source.report([{ ref: `${rig.run}/pkts`, revision: '5f2a9c01', state: 'Ready' }]); // still about the note
    target.faulty.forget();
    await rig.pass(5_000);
    expect(target.faulty.requests.filter(({ method }) => method === 'PATCH')).toEqual([]);
    rig.report();
    await rig.written('2/2');
  });

  test('are put off by the longest delay that a revision asks for', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeBpfNode();
    await rig.makeRevision({ name: 'a', jitterMs: 40 });
    await rig.makeRevision({ name: 'b', jitterMs: 5_000 });
    rig.startAgent();
    await rig.wants('a@5f2a9c01 b@5f2a9c01');
    const startMs = rig.clock.monotonic();
    rig.report();
    await rig.written('2/2');
    expect(rig.clock.monotonic()).toBe(startMs); // random is 0: the bound itself is the reporter's test
  });

  test('an agent that stops writes what it knows, and closes every connection', async () => {
    await using rig = new SourceRig();
    await rig.makeNode();
    await rig.makeBpfNode();
    await rig.makeRevision();
    rig.startAgent();
    await rig.wants('pkts@5f2a9c01');
    rig.report();
    await rig.stopAgent();
    expect((await rig.bpfNode).status).toMatchObject({ summary: '1/1', conditions: [{ reason: 'Stopping' }, {}] });
    await rig.converge('no connection', () => target.faulty.connections === 0);
  });
});
