import { Registry } from 'prom-client';
import { OwnMetrics } from '../../../../agent/metrics/own.ts';

function own(kubernetes = true): { metrics: OwnMetrics; lines: () => Promise<string[]> } {
  const metrics = new OwnMetrics(new Registry(), { node: 'n1', version: '1.2.3', kubernetes });
  return {
    metrics,
    lines: async () => (await metrics.text()).split('\n').filter((line) => line.startsWith('bpf_agent_')),
  };
}

const bpf = { namespace: 'ns', name: 'b' };
const of = 'bpf_namespace="ns",bpf_name="b"';

test('is born at zero', async () => {
  const lines = await own().lines();
  expect(lines.filter((line) => !line.includes('_bucket'))).toEqual([
    `bpf_agent_build_info{version="1.2.3",nodejs="${process.versions.node}",node="n1"} 1`,
    'bpf_agent_programs{state="pending",node="n1"} 0',
    'bpf_agent_programs{state="ready",node="n1"} 0',
    'bpf_agent_programs{state="failed",node="n1"} 0',
    'bpf_agent_scrape_seconds_sum{node="n1"} 0',
    'bpf_agent_scrape_seconds_count{node="n1"} 0',
    'bpf_agent_scrapes_refused_total{reason="places",node="n1"} 0',
    'bpf_agent_scrapes_refused_total{reason="memory",node="n1"} 0',
    'bpf_agent_scrapes_refused_total{reason="time",node="n1"} 0',
    'bpf_agent_scrapes_refused_total{reason="stopping",node="n1"} 0',
    'bpf_agent_load_seconds_sum{node="n1"} 0',
    'bpf_agent_load_seconds_count{node="n1"} 0',
    'bpf_agent_loads_total{result="success",node="n1"} 0',
    'bpf_agent_loads_total{result="failure",node="n1"} 0',
    'bpf_agent_apiserver_connected{node="n1"} 0',
  ]);
});

test('without Kubernetes there is no API server to be connected to', async () => {
  const { metrics, lines } = own(false);
  metrics.setApiserverConnected(true);
  expect((await lines()).filter((line) => line.includes('apiserver'))).toEqual([]);
});

test.each([
  [true, '1'],
  [false, '0'],
])('connected to the API server: %s', async (connected, value) => {
  const { metrics, lines } = own();
  metrics.setApiserverConnected(connected);
  expect(await lines()).toContain(`bpf_agent_apiserver_connected{node="n1"} ${value}`);
});

test('what a BPF has is born with it, counts, and goes with it', async () => {
  const { metrics, lines } = own();
  const about = async (): Promise<string[]> => (await lines()).filter((line) => line.includes(of));
  metrics.bpfAdded(bpf, [
    { map: 'hits', maxEntries: 1024 },
    { map: '.bss', maxEntries: 1 },
  ]);
  expect(await about()).toEqual([
    `bpf_agent_map_entries{${of},map="hits",node="n1"} 0`,
    `bpf_agent_map_max_entries{${of},map="hits",node="n1"} 1024`,
    `bpf_agent_map_read_errors_total{${of},node="n1"} 0`,
    `bpf_agent_scrape_cut_maps_total{${of},node="n1"} 0`,
    `bpf_agent_series_dropped_total{${of},node="n1"} 0`,
    `bpf_agent_series{${of},node="n1"} 0`,
    `bpf_agent_series_merged{${of},node="n1"} 0`,
  ]);

  metrics.mapRead(bpf, 'hits', 7);
  metrics.mapRead(bpf, '.bss', 1);
  metrics.mapFailed(bpf);
  metrics.mapFailed(bpf);
  metrics.mapCut(bpf);
  metrics.bpfWritten(bpf, 5, 2, 3);
  const counted = [
    `bpf_agent_map_entries{${of},map="hits",node="n1"} 7`,
    `bpf_agent_map_max_entries{${of},map="hits",node="n1"} 1024`,
    `bpf_agent_map_read_errors_total{${of},node="n1"} 2`,
    `bpf_agent_scrape_cut_maps_total{${of},node="n1"} 1`,
    `bpf_agent_series_dropped_total{${of},node="n1"} 3`,
    `bpf_agent_series{${of},node="n1"} 5`,
    `bpf_agent_series_merged{${of},node="n1"} 2`,
  ];
  expect(await about()).toEqual(counted);

  // Replaced: other maps, but the counters go on.
  metrics.bpfAdded(bpf, [{ map: 'misses', maxEntries: 8 }]);
  expect(await about()).toEqual([
    `bpf_agent_map_entries{${of},map="misses",node="n1"} 0`,
    `bpf_agent_map_max_entries{${of},map="misses",node="n1"} 8`,
    ...counted.slice(2, 4),
    `bpf_agent_series_dropped_total{${of},node="n1"} 3`,
    `bpf_agent_series{${of},node="n1"} 0`,
    `bpf_agent_series_merged{${of},node="n1"} 0`,
  ]);

  metrics.bpfRemoved(bpf);
  expect(await about()).toEqual([]);
});

test('programs by state, and the revision of each that runs', async () => {
  const { metrics, lines } = own();
  const about = async (): Promise<string[]> => (await lines()).filter((line) => line.startsWith('bpf_agent_program'));
  metrics.setPrograms(
    [
      { ref: 'ns/a', revision: 'aaaa0000', state: 'Ready' },
      { ref: 'ns/b', revision: 'bbbb0000', state: 'Failed' },
      { ref: 'ns/c', revision: 'cccc0000', state: 'Ready' },
    ],
    [
      { namespace: 'ns', name: 'a', revision: 'aaaa0000' },
      { namespace: 'ns', name: 'b', revision: 'bbbb1111' },
      { namespace: 'ns', name: 'c', revision: 'cccc0000' },
    ],
  );
  expect(await about()).toEqual([
    'bpf_agent_programs{state="pending",node="n1"} 0',
    'bpf_agent_programs{state="ready",node="n1"} 2',
    'bpf_agent_programs{state="failed",node="n1"} 1',
    'bpf_agent_program_info{bpf_namespace="ns",bpf_name="a",revision="aaaa0000",node="n1"} 1',
    'bpf_agent_program_info{bpf_namespace="ns",bpf_name="b",revision="bbbb1111",node="n1"} 1', // the one before goes on
    'bpf_agent_program_info{bpf_namespace="ns",bpf_name="c",revision="cccc0000",node="n1"} 1',
  ]);
  metrics.setPrograms(
    [{ ref: 'ns/a', revision: 'aaaa1111', state: 'Ready' }],
    [{ namespace: 'ns', name: 'a', revision: 'aaaa1111' }],
  );
  expect((await about()).slice(3)).toEqual([
    'bpf_agent_program_info{bpf_namespace="ns",bpf_name="a",revision="aaaa1111",node="n1"} 1',
  ]);
});

test('loads and scrapes are counted and timed in seconds', async () => {
  const { metrics, lines } = own();
  metrics.loaded('success', 1500);
  metrics.loaded('failure', 500);
  metrics.scraped(0.25);
  const found = await lines();
  expect(found).toEqual(
    expect.arrayContaining([
      'bpf_agent_load_seconds_sum{node="n1"} 2',
      'bpf_agent_load_seconds_count{node="n1"} 2',
      'bpf_agent_loads_total{result="success",node="n1"} 1',
      'bpf_agent_loads_total{result="failure",node="n1"} 1',
      'bpf_agent_scrape_seconds_sum{node="n1"} 0.25',
      'bpf_agent_scrape_seconds_bucket{le="0.25",node="n1"} 1',
      'bpf_agent_scrape_seconds_bucket{le="0.1",node="n1"} 0',
    ]),
  );
});

test('the process is there too, and no gauge that calls itself a total', async () => {
  const text = await own().metrics.text();
  expect(text).toContain('process_resident_memory_bytes{node="n1"}');
  const gauges = Array.from(text.matchAll(/^# TYPE (\S+) gauge$/gm), ([, name]) => name ?? '');
  expect(gauges.filter((name) => name.endsWith('_total'))).toEqual([]);
});
