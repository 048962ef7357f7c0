import { NodeReporter } from '../../../../agent/source/node-reporter.ts';
import { bpfNodes } from '../../../../agent/source/resources.ts';
import type { ProgramReport } from '../../../../agent/source/source.ts';
import { type KubeTarget, openTarget } from '../../../apiserver/kube-suite/target.ts';
import type { SeenRequest } from '../../../fakes/faulty-server.ts';
import { AgentRig, fakeApi } from './agent-rig.ts';

let target: KubeTarget;
beforeAll(async () => {
  target = await openTarget(fakeApi().handle);
});
afterAll(() => target[Symbol.asyncDispose]());
afterEach(() => target.faulty.heal());

const kernel = { release: '6.1.0', arch: 'x86_64', btf: true, lockdown: 'none', features: [], obstacle: undefined };
const program = (state: ProgramReport['state'], name = 'a'): ProgramReport => ({
  ref: `x/${name}`,
  revision: '5f2a9c01',
  state,
});
const isPatch = ({ method }: SeenRequest) => method === 'PATCH';
const isGet = ({ method }: SeenRequest) => method === 'GET';

class ReporterRig extends AgentRig {
  readonly reporter = new NodeReporter({
    client: this.client,
    clock: this.clock,
    logger: this.log.logger,
    nodeName: this.node,
    agent: { version: '0.1.0', libbpf: '1.1.2' },
    kernel,
    random: () => 0.5,
  });
  readonly #stop = new AbortController();

  constructor() {
    super(target);
    const ended = this.reporter.run(this.#stop.signal);
    target.faulty.forget();
    this.onDispose(async () => {
      this.#stop.abort();
      await ended;
    });
  }

  say(...programs: ProgramReport[]): void {
    this.reporter.set({ nodeUID: 'u1', programs, jitterMs: 0 });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.idle();
  }

  /** How often the status was written, or tried to be. */
  get patches(): number {
    return target.faulty.requests.filter(isPatch).length;
  }

  written(summary: string) {
    return this.converge(`status ${summary}`, async () => (await this.bpfNode).status?.summary === summary);
  }
}

describe('the status of this node', () => {
  test('is one merge patch, as the agent, and none when nothing has changed', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Ready'));
    await rig.written('1/1');
    const [get, patch, ...more] = target.faulty.requests;
    expect(get?.url.pathname).toBe(`/apis/bpf.sh/v1alpha1/bpfnodes/${rig.node}`);
    expect(patch).toMatchObject({ method: 'PATCH', headers: { 'content-type': 'application/merge-patch+json' } });
    expect(patch?.url.pathname).toBe(`/apis/bpf.sh/v1alpha1/bpfnodes/${rig.node}/status`);
    expect(more).toEqual([]);
    expect((await rig.bpfNode).status).toMatchObject({
      nodeUID: 'u1',
      programs: [{ ref: 'x/a', revision: '5f2a9c01' }],
      conditions: [
        { type: 'AgentReady', status: 'True' },
        { type: 'KernelSupported', status: 'True' },
      ],
    });
    rig.say(program('Ready'));
    await rig.pass(5_000);
    expect(target.faulty.requests).toHaveLength(2);
    rig.say(program('Failed'));
    await rig.written('0/1');
    expect(target.faulty.requests).toHaveLength(3);
  });

  test('waits for what is being loaded, so that it is written once', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Pending'), program('Pending', 'b'));
    await rig.pass(1_000);
    rig.say(program('Ready'), program('Pending', 'b'));
    await rig.pass(500);
    expect(target.faulty.requests).toEqual([]);
    rig.say(program('Ready'), program('Ready', 'b'));
    await rig.written('2/2');
    expect(rig.patches).toBe(1);
  });

  test('does not wait for ever: what takes long is shown as pending', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Pending'));
    await rig.idle();
    await rig.pass(1_900, 100);
    expect(rig.patches).toBe(0);
    await rig.pass(100);
    await rig.written('0/1');
    const { status } = await rig.bpfNode;
    expect(status).toMatchObject({
      programs: [{ state: 'Pending' }],
      conditions: [{ status: 'False', reason: 'Starting' }, {}],
    });
    rig.say(program('Ready'));
    await rig.written('1/1');
    // It was at work once: another program that is loaded later does not make it a starting agent again.
    rig.say(program('Ready'), program('Pending', 'b'));
    await rig.idle();
    await rig.pass(2_000);
    await rig.written('1/2');
    expect((await rig.bpfNode).status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'Running' });
  });

  test('is put off by the jitter', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.reporter.set({ nodeUID: 'u1', programs: [program('Ready')], jitterMs: 4_000 });
    await rig.idle();
    await rig.pass(1_999, 1_999);
    expect(rig.patches).toBe(0);
    await rig.written('1/1');
    expect(rig.clock.monotonic()).toBe(2_000);
  });

  test('waits for the BPFNode that the operator makes, and asks ever less often', async () => {
    await using rig = new ReporterRig();
    rig.say(program('Ready'));
    await rig.pass(60_000);
    const asked = target.faulty.requests.filter(isGet).length;
    expect(asked).toBeGreaterThan(4);
    expect(asked).toBeLessThan(15);
    expect(rig.patches).toBe(0);
    await rig.makeBpfNode();
    await rig.written('1/1');
  });

  test('is written anew when the BPFNode was made anew', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Ready'));
    await rig.written('1/1');
    await rig.deleteBpfNode();
    await rig.makeBpfNode();
    rig.say(program('Failed')); // meets another UID: a Conflict
    await rig.written('0/1');
    await rig.deleteBpfNode();
    rig.say(program('Ready')); // meets nothing
    await rig.pass(2_000);
    await rig.makeBpfNode();
    await rig.written('1/1');
    expect((await rig.bpfNode).status).toHaveProperty('kernel'); // the whole of it
  });

  test('is written anew for another Node of the same name', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Ready'));
    await rig.written('1/1');
    await rig.deleteBpfNode();
    await rig.makeBpfNode();
    rig.reporter.set({ nodeUID: 'u2', programs: [program('Ready')], jitterMs: 0 });
    await rig.written('1/1');
    expect((await rig.bpfNode).status?.nodeUID).toBe('u2');
    expect(rig.log.lines).toEqual([]);
  });

  test('is read again every ten minutes, and put right', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Ready'));
    await rig.written('1/1');
    target.faulty.forget();
    await rig.other.mergePatch(
      bpfNodes,
      { name: rig.node },
      { status: { ready: 7, summary: '7/7' } },
      { subresource: 'status' },
    );
    await rig.pass(599_000, 100_000);
    expect(target.faulty.requests).toEqual([]);
    await rig.pass(1_000);
    await rig.written('1/1');
    await rig.pass(600_000, 100_000);
    expect(target.faulty.requests.map(({ method }) => method)).toEqual(['GET', 'PATCH', 'GET']);
  });

  test('is written when the API server is back, as it is then', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    target.faulty.inject({ type: 'answer', status: 500 }, () => true, 100);
    rig.say(program('Failed'));
    await rig.pass(40_000);
    rig.say(program('Ready'));
    await rig.pass(40_000);
    expect((await rig.bpfNode).status).toBeUndefined();
    target.faulty.heal();
    await rig.written('1/1');
  });
});

describe('an agent that stops', () => {
  test('says so, and does not report its programs as gone', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    rig.say(program('Pending'), program('Ready', 'b'));
    await rig.stop();
    await rig.reporter.flush(new AbortController().signal);
    expect((await rig.bpfNode).status).toMatchObject({
      summary: '1/2',
      programs: [{ ref: 'x/a', state: 'Pending' }, { ref: 'x/b' }],
      conditions: [{ type: 'AgentReady', status: 'False', reason: 'Stopping' }, {}],
    });
  });

  test('that had nothing to say says nothing', async () => {
    await using rig = new ReporterRig();
    await rig.makeBpfNode();
    await rig.stop();
    await rig.reporter.flush(new AbortController().signal);
    expect(target.faulty.requests).toEqual([]);
  });

  test('gives up after five seconds, or when it is told to', async () => {
    await using rig = new ReporterRig();
    rig.say(program('Ready'));
    await rig.stop();
    target.faulty.inject({ type: 'hang' }, () => true, 2);
    const late = rig.reporter.flush(new AbortController().signal);
    await rig.clock.advance(4_999);
    expect(rig.log.lines).toEqual([]);
    await rig.clock.advance(1);
    await late;
    expect(rig.log.lines).toMatchObject([
      { level: 'warn', msg: expect.stringMatching(/^flush status: .*no answer within 5 s/) },
    ]);

    const stop = new AbortController();
    const told = rig.reporter.flush(stop.signal);
    stop.abort(new Error('enough'));
    await told;
    expect(rig.log.lines[1]).toMatchObject({ msg: 'flush status: enough' });
  });
});
