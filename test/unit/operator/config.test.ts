import { readFileSync } from 'node:fs';
import { operatorConfig } from '../../../operator/config.ts';
import { operatorVersion } from '../../../operator/version.ts';
import { parseConfig } from '../../../runtime/config.ts';

const parse = (argv: string[], env: Record<string, string> = {}) => parseConfig(operatorConfig, { argv, env });

test('defaults are those of a Pod in the chart', () => {
  expect(parse([])).toEqual({
    type: 'value',
    value: {
      listen: '0.0.0.0:9388',
      watchNamespaces: [],
      agents: 'daemonset',
      agentTemplate: 'kube-bpf-agent',
      leaderElect: true,
      uninstall: false,
      logLevel: 'info',
    },
  });
});

test('flags and environment', () => {
  const result = parse(['--agents=external', '--watch-namespaces=a,b', '--leader-elect=false'], {
    POD_NAMESPACE: 'bpf-system',
    POD_NAME: 'operator-0',
    BPF_OPERATOR_LOG_LEVEL: 'debug',
    BPF_OPERATOR_AGENTS: 'daemonset',
  });
  expect(result).toMatchObject({
    value: {
      agents: 'external',
      watchNamespaces: ['a', 'b'],
      leaderElect: false,
      namespace: 'bpf-system',
      podName: 'operator-0',
      logLevel: 'debug',
    },
  });
});

test.each([
  [['--listen=9388'], ['--listen']],
  [
    ['--agents=some', '--log-level=loud'],
    ['--agents', '--log-level'],
  ],
  [['--uninstall', '--leader-elect=false'], ['--uninstall']],
  [['--no-such-flag'], ['--no-such-flag']],
])('%j is refused, every fault at once', (argv, named) => {
  const result = parse(argv);
  expect(result.type).toBe('faults');
  if (result.type !== 'faults') return;
  expect(result.faults).toHaveLength(named.length);
  for (const flag of named) expect(result.faults.some((fault) => fault.includes(flag))).toBe(true);
});

test("the version is the package's", () => {
  const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(operatorVersion).toBe(manifest.version);
});
