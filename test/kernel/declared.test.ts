import { AgentHome } from './agent-process.ts';
import { callGetpgid } from './events.ts';
import { compileFixture } from './fixture.ts';

/** Everything that `spec.metrics` can say of real maps: written in a manifest, counted by a program, scraped. */
const metrics = {
  prefix: 'x',
  series: [
    {
      name: 'call_seconds',
      help: 'By process.',
      type: 'histogram',
      map: 'hists',
      labels: [
        { name: 'port', offset: 4, type: 'u16', bigEndian: true },
        { name: 'op', field: 'flags.op', decoders: [{ name: 'static_map', map: { 0: 'odd', 1: 'even' } }] },
        { name: 'comm', value: 'comm' },
      ],
      histogram: { kind: 'slots', field: 'slots', bucketOf: 'floorLog2', sumField: 'sum_ns', scale: 1e-6 },
    },
    {
      name: 'first_slot',
      type: 'gauge',
      map: 'hists',
      value: { field: 'slots.0' },
      labels: [{ name: 'op', field: 'flags.op' }],
    },
    { name: 'sizes', map: 'buckets', histogram: { kind: 'exp2', min: 0, max: 4, sumKey: 9 } },
    { name: 'kinds_total', map: 'kinds', index: { label: 'kind', names: ['odd', 'even'] } },
    {
      name: 'routed_total',
      map: 'routes',
      labels: [
        { name: 'network', field: 'address', decoders: [{ name: 'inet_ip' }] },
        { name: 'bits', field: 'bits', decoders: [{ name: 'format', format: '/%u' }] },
      ],
    },
    { name: 'ops_total', global: 'ops', value: { field: 'calls' }, index: { label: 'op', names: ['odd', 'even'] } },
    {
      name: 'op_sizes',
      global: 'ops',
      index: { label: 'op', names: ['odd', 'even'] },
      histogram: { kind: 'slots', field: 'slots', bounds: [1, 3, 7] },
    },
    { name: 'kilocalls', type: 'gauge', global: 'calls', value: { scale: 1e-3 } },
  ],
};

test('what a manifest declares is what a scrape has', async () => {
  await using home = new AgentHome();
  home.apply('declared', compileFixture('declared', { defines: [`PID=${process.pid}`] }), { metrics });
  const agent = await home.start();
  await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
  callGetpgid(7);

  const answer = await fetch(`${agent.url}/metrics?bpf=default/declared`);
  const text = (await answer.text())
    .replaceAll(/comm="[^"]*"/g, 'comm="C"')
    .replaceAll(/bpf_name="declared",bpf_namespace="default",|,?node="n1",?/g, (label) =>
      label.endsWith(',') && label.startsWith(',') ? ',' : '',
    )
    .replaceAll(/\{,?\}/g, '');
  expect(linesOf(text)).toEqual(linesOf(expected));
});

const linesOf = (text: string): string[] => text.trim().split('\n').sort();

/** Calls 1, 3, 5 and 7 are odd; 2, 4 and 6 are even. */
const expected = `
# HELP x_call_seconds By process.
# TYPE x_call_seconds histogram
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000001"} 0
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000003"} 1
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000007"} 3
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000015"} 3
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000031"} 3
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000063"} 3
x_call_seconds_bucket{comm="C",op="even",port="443",le="0.000127"} 3
x_call_seconds_bucket{comm="C",op="even",port="443",le="+Inf"} 3
x_call_seconds_sum{comm="C",op="even",port="443"} 0.012
x_call_seconds_count{comm="C",op="even",port="443"} 3
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000001"} 1
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000003"} 2
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000007"} 4
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000015"} 4
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000031"} 4
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000063"} 4
x_call_seconds_bucket{comm="C",op="odd",port="443",le="0.000127"} 4
x_call_seconds_bucket{comm="C",op="odd",port="443",le="+Inf"} 4
x_call_seconds_sum{comm="C",op="odd",port="443"} 0.016
x_call_seconds_count{comm="C",op="odd",port="443"} 4
# HELP x_first_slot Member slots.0 of BPF map hists.
# TYPE x_first_slot gauge
x_first_slot{op="0"} 1
x_first_slot{op="1"} 0
# HELP x_kilocalls BPF global variable calls.
# TYPE x_kilocalls gauge
x_kilocalls 0.007
# HELP x_kinds_total BPF map kinds.
# TYPE x_kinds_total counter
x_kinds_total{kind="even"} 3
x_kinds_total{kind="odd"} 4
# HELP x_op_sizes BPF global variable ops.
# TYPE x_op_sizes histogram
x_op_sizes_bucket{op="even",le="1"} 0
x_op_sizes_bucket{op="even",le="3"} 1
x_op_sizes_bucket{op="even",le="7"} 3
x_op_sizes_bucket{op="even",le="+Inf"} 3
x_op_sizes_count{op="even"} 3
x_op_sizes_bucket{op="odd",le="1"} 1
x_op_sizes_bucket{op="odd",le="3"} 2
x_op_sizes_bucket{op="odd",le="7"} 4
x_op_sizes_bucket{op="odd",le="+Inf"} 4
x_op_sizes_count{op="odd"} 4
# HELP x_ops_total Member calls of BPF global variable ops.
# TYPE x_ops_total counter
x_ops_total{op="even"} 3
x_ops_total{op="odd"} 4
# HELP x_routed_total BPF map routes.
# TYPE x_routed_total counter
x_routed_total{bits="/24",network="192.0.2.0"} 7
# HELP x_sizes BPF map buckets.
# TYPE x_sizes histogram
x_sizes_bucket{op="OP_EVEN",le="1"} 0
x_sizes_bucket{op="OP_EVEN",le="2"} 1
x_sizes_bucket{op="OP_EVEN",le="4"} 3
x_sizes_bucket{op="OP_EVEN",le="8"} 3
x_sizes_bucket{op="OP_EVEN",le="16"} 3
x_sizes_bucket{op="OP_EVEN",le="+Inf"} 3
x_sizes_sum{op="OP_EVEN"} 12
x_sizes_count{op="OP_EVEN"} 3
x_sizes_bucket{op="OP_ODD",le="1"} 1
x_sizes_bucket{op="OP_ODD",le="2"} 2
x_sizes_bucket{op="OP_ODD",le="4"} 4
x_sizes_bucket{op="OP_ODD",le="8"} 4
x_sizes_bucket{op="OP_ODD",le="16"} 4
x_sizes_bucket{op="OP_ODD",le="+Inf"} 4
x_sizes_sum{op="OP_ODD"} 16
x_sizes_count{op="OP_ODD"} 4
`;
