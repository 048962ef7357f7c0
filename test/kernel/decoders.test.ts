import { mkdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AgentHome } from './agent-process.ts';
import { callGetpgid } from './events.ts';
import { compileFixture } from './fixture.ts';

/** What the kernel puts into a key, by the names that this machine has for it. */

const labels = [
  { name: 'cgroup', field: 'cgroup', decoders: [{ name: 'cgroup' }] },
  { name: 'cgroup_id', field: 'cgroup' },
  { name: 'symbol', field: 'symbol', decoders: [{ name: 'ksym' }] },
  { name: 'pid', field: 'pid', decoders: [{ name: 'uint' }, { name: 'regexp', regexps: [`^${process.pid}$`] }] },
  { name: 'interface', field: 'ifindex', decoders: [{ name: 'ifname' }] },
  { name: 'op', field: 'op', decoders: [{ name: 'enum', type: 'req_op' }] },
  { name: 'kind', field: 'op', decoders: [{ name: 'enum', type: 'kube_bpf_test_kind' }] },
  { name: 'syscall', field: 'nr', decoders: [{ name: 'syscall' }] },
  { name: 'syscall_hex', field: 'nr', decoders: [{ name: 'format', format: '0x%04x' }] },
  { name: 'address', field: 'address', decoders: [{ name: 'inet_ip' }] },
  { name: 'result', field: 'result', decoders: [{ name: 'int' }, { name: 'errno' }] },
];

const manifest = (object: Uint8Array): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'object', namespace: 'default' },
        binaryData: { 'object.o': Buffer.from(object).toString('base64') },
      },
      {
        apiVersion: 'bpf.sh/v1alpha1',
        kind: 'BPF',
        metadata: { name: 'decoded', namespace: 'default' },
        spec: {
          program: { valueFrom: { configMapKeyRef: { name: 'object', key: 'object.o' } } },
          metrics: { series: [{ name: 'calls_total', type: 'counter', map: 'calls', labels }] },
        },
      },
    ],
  });

test('an agent shows names for what a program wrote, and leaves out the series of other processes', async () => {
  await using home = new AgentHome();
  home.write('decoded.json', manifest(compileFixture('decoded')));
  const agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
  callGetpgid(3);

  const lines = (await agent.metrics()).split('\n').filter((line) => line.startsWith('bpf_calls_total{'));
  expect(lines).toEqual([expect.stringMatching(/\} 3$/)]);
  const shown = Object.fromEntries(
    [...(lines[0] ?? '').matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  expect(shown).toMatchObject({
    symbol: 'schedule',
    pid: String(process.pid),
    interface: 'lo',
    op: 'REQ_OP_WRITE',
    kind: 'KIND_ONLY_OURS',
    syscall: 'getpgid',
    syscall_hex: '0x0079',
    address: '127.0.0.1',
    result: 'ENOENT',
  });
  expect(String(statSync(shown['cgroup'] ?? '', { bigint: true }).ino)).toBe(shown['cgroup_id']);
});

test('a cgroup that is new to the agent has its name in the first scrape that shows it', async () => {
  await using home = new AgentHome();
  home.write('decoded.json', manifest(compileFixture('decoded')));
  const agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
  const cgroupsShown = async (): Promise<string[]> =>
    [...(await agent.metrics()).matchAll(/^bpf_calls_total\{.*cgroup="([^"]*)"/gm)].map(([, path = '']) => path);
  callGetpgid(1);
  const [before = ''] = await cgroupsShown();

  const fresh = join(before, `kube-bpf-test-${process.pid}`);
  mkdirSync(fresh);
  try {
    writeFileSync(join(fresh, 'cgroup.procs'), String(process.pid));
    callGetpgid(1);
    expect((await cgroupsShown()).sort()).toEqual([before, fresh]);
  } finally {
    writeFileSync(join(before, 'cgroup.procs'), String(process.pid));
    rmdirSync(fresh);
  }
  // Its counter is still in the map, under the name that it had.
  expect((await cgroupsShown()).sort()).toEqual([before, fresh]);
});
