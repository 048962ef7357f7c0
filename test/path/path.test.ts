import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compileObject, manifestWithObject } from '../../tools/build-manifests.ts';
import { eventually } from '../apiserver/harness/eventually.ts';
import { callGetpgid } from '../kernel/events.ts';
import { compileFixture } from '../kernel/fixture.ts';
import { heldBy, stillInKernel } from '../kernel/held.ts';
import { Cluster } from './cluster.ts';

const example = (name: string): string => fileURLToPath(new URL(`../../bpf/programs/${name}`, import.meta.url));
const calls = `bpf_getpgid_total{bpf_name="calls",bpf_namespace="default",key="${process.pid}",node="n1"}`;

const configMap = (object: Uint8Array): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'calls', namespace: 'default' },
    binaryData: { 'calls.o': Buffer.from(object).toString('base64') },
  });
const bpf = JSON.stringify({
  apiVersion: 'bpf.sh/v1alpha1',
  kind: 'BPF',
  metadata: { name: 'calls', namespace: 'default' },
  spec: { program: { valueFrom: { configMapKeyRef: { name: 'calls', key: 'calls.o' } } } },
});

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
  await cluster.startAgent();
}, 120_000);
afterAll(() => cluster?.[Symbol.asyncDispose]());

const apply = (text: string) => cluster.kubectl(['apply', '--server-side', '-f', '-'], text);
const wait = (condition: string, object: string) =>
  cluster.kubectl(['wait', `--for=${condition}`, object, '--timeout=20s']);

test('from kubectl apply to a series, through a broken edit and back, to kubectl delete', async () => {
  const { agent } = cluster;
  if (agent === undefined) throw new Error('no agent');
  const idle = agent.held();

  // Applied as its documentation says, an example comes to run on the node and to a series with its name.
  const manifest = manifestWithObject(readFileSync(example('pkts.yaml'), 'utf8'), compileObject(example('pkts.bpf.c')));
  await apply(manifest);
  await wait('condition=Ready', 'bpf/pkts');
  expect(await cluster.kubectl(['get', 'bpf', 'pkts'])).toMatch(
    /^NAME +READY +STATUS +FAILED +AGE\npkts +1\/1 +Ready +0 +\d+s\n$/,
  );
  await agent.until('bpf_packets{bpf_name="pkts",bpf_namespace="default",key="6",node="n1"}');

  // One whose events we make ourselves, so that its numbers are known.
  await apply(configMap(compileFixture('getpgid')));
  await apply(bpf);
  await wait('condition=Ready', 'bpf/calls');
  callGetpgid(10);
  await agent.until(calls, '10');
  const digest = await cluster.field('bpf/calls', '.status.payload.sha256');
  const mine = agent.held().ids.filter((id) => !idle.ids.includes(id));

  // Broken: the verifier's words are where a user looks, and the old one goes on counting.
  await apply(configMap(compileFixture('rejected')));
  await cluster.described('bpf/calls', 'VerifierRejected', 'program reads_too_far', 'Degraded');
  callGetpgid(10);
  await agent.until(calls, '20');
  expect(await cluster.field('bpf/calls', '.status.conditions[?(@.type=="Ready")].status')).toBe('False');
  expect(await cluster.field('bpf/pkts', '.status.conditions[?(@.type=="Ready")].status')).toBe('True');

  // No object at all is refused before any node hears of it.
  await apply(configMap(Buffer.from('no object')));
  await cluster.described('bpf/calls', 'NotAnELF');
  callGetpgid(10);
  await agent.until(calls, '30');

  // Mended: it recovers, and the counter goes on.
  await apply(configMap(compileFixture('getpgid', { defines: ['REVISION=2'] })));
  await eventually(
    'other bytes',
    async () => ![digest, ''].includes(await cluster.field('bpf/calls', '.status.payload.sha256')),
  );
  await wait('condition=Ready', 'bpf/calls');
  callGetpgid(10);
  await agent.until(calls, '40');

  // Gone: within seconds, and nothing of ours is left in the kernel.
  const ids = agent.held().ids.filter((id) => !idle.ids.includes(id));
  await cluster.kubectl(['delete', 'bpf', 'calls', 'pkts', '--timeout=20s']);
  await eventually('the kernel to be as before', () => {
    const { programs, maps, links, packetSockets } = agent.held();
    return (
      [programs, maps, links, packetSockets].join() ===
      [idle.programs, idle.maps, idle.links, idle.packetSockets].join()
    );
  });
  await eventually('the kernel to free them', () => stillInKernel([...mine, ...ids]).length === 0);
  expect(cluster.home.pins()).toEqual([]);
  expect(await cluster.kubectl(['get', 'bpfrevisions', '--all-namespaces', '--output=name'])).toBe('');
}, 120_000);

test('how an object is loaded: refused with its type and range, run as said, and changed', async () => {
  const { agent } = cluster;
  const programs = [
    { firstOf: ['by_no_function', 'by_raw'] },
    { name: 'by_no_tracepoint', required: false },
    { name: 'by_function', enabled: false },
    { name: 'by_no_binary', enabled: false },
  ];
  const loadedWith = (globals: object) => {
    const { spec, ...rest } = JSON.parse(bpf) as { spec: object };
    return JSON.stringify({ ...rest, spec: { ...spec, globals, programs, maps: [{ name: 'labels', maxEntries: 8 }] } });
  };
  const globals = { only_pid: process.pid, enabled: true, steps: [10], mode: 'OFF' };
  const counted = 'bpf_calls_total{bpf_name="calls",bpf_namespace="default",node="n1"}';
  await apply(configMap(compileFixture('configured')));

  // A value that its variable cannot hold never reaches a node.
  await apply(loadedWith({ ...globals, only_pid: -1 }));
  await cluster.described('bpf/calls', 'InvalidGlobal', 'only_pid is -1, not an integer of 0 to 4294967295 (u32)');
  expect(await cluster.kubectl(['get', 'bpfrevisions', '--output=name'])).toBe('');

  // Ready, though two of its programs cannot run here, of which one is a twin.
  await apply(loadedWith(globals));
  await wait('condition=Ready', 'bpf/calls');
  callGetpgid(3);
  await agent?.until(counted, '30');
  const reported = await cluster.field('bpfnode/n1', '.status.programs[0].message');
  expect(reported).toMatch(/^program by_no_tracepoint is off: .*sys_enter_no_such_call/);
  expect(await cluster.field('bpfnode/n1', '.status.programs[0].reason')).toBe('OptionalProgramFailed');

  // Another value is another revision, on the counts of the one before.
  const revision = await cluster.field('bpf/calls', '.status.revision');
  await apply(loadedWith({ ...globals, steps: ['1000'] }));
  await wait('condition=Ready', 'bpf/calls');
  expect(await cluster.field('bpf/calls', '.status.revision')).not.toBe(revision);
  callGetpgid(1);
  await agent?.until(counted, '1030');
  await cluster.kubectl(['delete', 'bpf', 'calls', '--timeout=20s']);
}, 60_000);

test('an object of 700 KB is applied as documented and runs', async () => {
  const { agent } = cluster;
  // ELF does not mind what stands behind its last section.
  const object = Buffer.concat([compileFixture('getpgid'), Buffer.alloc(700 * 1024, 'x')]);
  await apply(configMap(object));
  await apply(bpf);
  await wait('condition=Ready', 'bpf/calls');
  callGetpgid(1);
  await agent?.until(calls, '1');
  await cluster.kubectl(['delete', 'bpf', 'calls', '--timeout=20s']);
}, 60_000);

test('operator and agent killed and started again: nothing is loaded anew twice, counters go on', async () => {
  await apply(configMap(compileFixture('getpgid')));
  await apply(bpf);
  await wait('condition=Ready', 'bpf/calls');
  callGetpgid(5);
  await cluster.agent?.until(calls, '5');
  await cluster.operator.kill();
  await cluster.agent?.process.kill();
  const agent = await cluster.startAgent();
  cluster.startOperator();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
  callGetpgid(5);
  expect(await agent.value(calls)).toBe('10');
  await wait('condition=Ready', 'bpf/calls');
  expect(heldBy(agent.process.pid)).toMatchObject({ programs: 1, links: 1 });
  await cluster.kubectl(['delete', 'bpf', 'calls', '--timeout=20s']);
}, 60_000);

test('with the API server gone, a restarted agent comes up from its disk and serves', async () => {
  await apply(configMap(compileFixture('getpgid')));
  await apply(bpf);
  await wait('condition=Ready', 'bpf/calls');
  callGetpgid(5);
  await cluster.controlPlane.killApiserver();
  await cluster.agent?.process.kill();
  const agent = await cluster.startAgent();
  await agent.until(calls, '5');
  expect(await agent.value('bpf_agent_apiserver_connected{node="n1"}')).toBe('0');
  callGetpgid(5);
  expect(await agent.value(calls)).toBe('10');
  await cluster.controlPlane.restartApiserver();
  await agent.until('bpf_agent_apiserver_connected{node="n1"}', '1');
  await cluster.kubectl(['delete', 'bpf', 'calls', '--timeout=30s']);
}, 120_000);
