import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { agentPort, operatorPort } from '../../crds/names.ts';
import { dashboardNames, readDashboard } from '../fixtures/library.ts';
import { agentDaemonSet, chart, findHelms, objectOf, type Rendered } from './helm.ts';

const helms = await findHelms();

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** One line for each right: `group/resource[name]: verbs`. */
const rights = (role: Rendered): string[] =>
  (role['rules'] as readonly Rule[]).flatMap(({ apiGroups, resources, resourceNames, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.map((resource) => {
        const only = resourceNames === undefined ? '' : `[${resourceNames.join()}]`;
        return `${group === '' ? '' : `${group}/`}${resource}${only}: ${verbs.join(' ')}`;
      }),
    ),
  );

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly serviceAccountName: string;
  readonly securityContext?: object;
  readonly containers: readonly {
    readonly image: string;
    readonly args: readonly string[];
    readonly ports: readonly { readonly containerPort: number }[];
    readonly env?: readonly object[];
    readonly securityContext: {
      readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
    };
    readonly volumeMounts: readonly { readonly mountPath: string; readonly readOnly?: boolean }[];
  }[];
  readonly volumes: readonly { readonly hostPath: { readonly path: string } }[];
  readonly [field: string]: unknown;
}

const podSpec = (workload: Rendered): PodSpec => (workload['spec'] as { template: { spec: PodSpec } }).template.spec;
const container = (workload: Rendered) => {
  const [first, ...others] = podSpec(workload).containers;
  if (first === undefined || others.length > 0) throw new Error('not one container');
  return first;
};

test('there is a helm 3 and a helm 4 to test with', async () => {
  expect(helms.map((helm) => helm.name)).toEqual(['helm3', 'helm4']);
  for (const [index, helm] of helms.entries()) {
    expect((await helm.run(['version', '--short'])).stdout).toMatch(`v${index + 3}.`);
  }
});

describe.each(helms.map((helm) => [helm.name, helm] as const))('with %s', (_, helm) => {
  test('lint --strict finds nothing', async () => {
    expect(await helm.run(['lint', '--strict', chart])).toMatchObject({ code: 0 });
    const everything = ['--set', 'podMonitor.enabled=true,dashboards.enabled=true,agent.privileges.sysAdmin=true'];
    expect(await helm.run(['lint', '--strict', ...everything, chart])).toMatchObject({ code: 0 });
  });

  test('the agent is not privileged: ALL is dropped, and these four are added', async () => {
    const daemonSet = agentDaemonSet(await helm.template());
    expect(container(daemonSet).securityContext).toEqual({
      privileged: false,
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 0,
      capabilities: { drop: ['ALL'], add: ['BPF', 'PERFMON', 'NET_ADMIN', 'NET_RAW'] },
      seccompProfile: { type: 'Unconfined' },
      appArmorProfile: { type: 'Unconfined' },
    });
    expect(podSpec(daemonSet)).toMatchObject({ hostNetwork: true, hostPID: false });
  });

  test.each([
    ['uprobes', ['SYS_PTRACE'], true],
    ['kernelSymbols', ['SYSLOG'], false],
    ['memlock', ['SYS_RESOURCE'], false],
    ['sysAdmin', ['SYS_ADMIN'], false],
  ])('agent.privileges.%s adds %j', async (preset, added, hostPID) => {
    const daemonSet = agentDaemonSet(await helm.template({ agent: { privileges: { [preset]: true } } }));
    expect(container(daemonSet).securityContext.capabilities).toEqual({
      drop: ['ALL'],
      add: ['BPF', 'PERFMON', 'NET_ADMIN', 'NET_RAW', ...added],
    });
    expect(container(daemonSet).securityContext).toMatchObject({ privileged: false });
    expect(podSpec(daemonSet).hostPID).toBe(hostPID);
  });

  test('agent.programStats asks for the statistics, with the capability that they take', async () => {
    const plain = agentDaemonSet(await helm.template());
    expect(container(plain).args).not.toContain('--program-stats');
    for (const sysAdmin of [false, true]) {
      const counting = await helm.template({ agent: { programStats: true, privileges: { sysAdmin } } });
      const agent = container(agentDaemonSet(counting));
      expect(agent.args).toContain('--program-stats');
      expect(agent.securityContext.capabilities).toEqual({
        drop: ['ALL'],
        add: ['BPF', 'PERFMON', 'NET_ADMIN', 'NET_RAW', 'SYS_ADMIN'],
      });
    }
  });

  test('agent.netns shows the agent the names of network namespaces, as they come and go', async () => {
    const daemonSet = agentDaemonSet(await helm.template({ agent: { netns: '/var/run/netns' } }));
    expect(podSpec(daemonSet).volumes).toContainEqual({
      name: 'netns',
      hostPath: { path: '/var/run/netns', type: 'DirectoryOrCreate' },
    });
    expect(container(daemonSet).volumeMounts).toContainEqual({
      name: 'netns',
      mountPath: '/run/netns',
      readOnly: true,
      mountPropagation: 'HostToContainer',
    });
  });

  test('the agent sees of its host four folders, of which it writes two', async () => {
    const daemonSet = agentDaemonSet(await helm.template());
    expect(podSpec(daemonSet).volumes.map((volume) => volume.hostPath.path)).toEqual([
      '/var/lib/kube-bpf',
      '/sys/fs/bpf',
      '/sys/kernel/tracing',
      '/sys/fs/cgroup',
    ]);
    const writable = container(daemonSet).volumeMounts.filter((mount) => mount.readOnly !== true);
    expect(writable.map((mount) => mount.mountPath)).toEqual(['/var/lib/kube-bpf', '/sys/fs/bpf']);
  });

  test('the agent runs on every node, knows which one it is on, and is found at its port', async () => {
    const daemonSet = agentDaemonSet(await helm.template());
    expect(podSpec(daemonSet)).toMatchObject({
      serviceAccountName: 'kube-bpf-agent',
      priorityClassName: 'system-node-critical',
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ operator: 'Exists' }],
    });
    expect(daemonSet['spec']).toMatchObject({ updateStrategy: { rollingUpdate: { maxUnavailable: '10%' } } });
    expect(container(daemonSet).env).toEqual([
      { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
    ]);
    expect(container(daemonSet).ports).toMatchObject([{ containerPort: agentPort }]);
    expect(container(daemonSet).args).toContain(`--listen=0.0.0.0:${agentPort}`);

    const elsewhere = agentDaemonSet(
      await helm.template({ agent: { port: 19387, hostNetwork: false, maxUnavailable: 2 } }),
    );
    expect(container(elsewhere).ports).toMatchObject([{ containerPort: 19387 }]);
    expect(container(elsewhere).args).toContain('--listen=0.0.0.0:19387');
    expect(podSpec(elsewhere).hostNetwork).toBe(false);
    expect(elsewhere['spec']).toMatchObject({ updateStrategy: { rollingUpdate: { maxUnavailable: 2 } } });
  });

  test('profiles are left to the cluster where they are emptied', async () => {
    const emptied = { seccompProfile: { type: null }, appArmorProfile: { type: null } };
    const { securityContext } = container(agentDaemonSet(await helm.template({ agent: emptied })));
    expect(securityContext).not.toHaveProperty('seccompProfile');
    expect(securityContext).not.toHaveProperty('appArmorProfile');
  });

  test('operator and uninstall hook run as nobody, with nothing', async () => {
    const objects = await helm.template();
    for (const workload of [
      objectOf(objects, 'Deployment', 'kube-bpf-operator'),
      objectOf(objects, 'Job', 'kube-bpf-uninstall'),
    ]) {
      expect(podSpec(workload).securityContext).toEqual({
        runAsNonRoot: true,
        runAsUser: 65532,
        runAsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(container(workload).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
    expect(container(objectOf(objects, 'Deployment', 'kube-bpf-operator')).ports).toMatchObject([
      { containerPort: operatorPort },
    ]);
  });

  test('everybody may do what they need, and nothing else', async () => {
    const objects = await helm.template();
    const roles = objects.filter((object) => /Role$/.test(object.kind));
    expect(Object.fromEntries(roles.map((role) => [`${role.kind} ${role.metadata.name}`, rights(role)]))).toEqual({
      'ClusterRole kube-bpf-operator': ['bpf.sh/bpfnodes: get list watch create delete', 'nodes: get list watch'],
      'ClusterRole kube-bpf-operator-watching': [
        'bpf.sh/bpfs: get list watch patch',
        'bpf.sh/bpfs/status: patch',
        'bpf.sh/bpfrevisions: get list watch create patch delete',
        'configmaps: get list watch',
        'events.k8s.io/events: create patch',
      ],
      'Role kube-bpf-operator': [
        'configmaps: get list watch create delete',
        'pods: get list watch',
        'apps/daemonsets: get list watch create patch delete',
        'apps/replicasets: get',
        'coordination.k8s.io/leases: create',
        'coordination.k8s.io/leases[kube-bpf-operator]: get update',
      ],
      'ClusterRole kube-bpf-agent': [
        'bpf.sh/bpfrevisions: get list watch',
        'nodes: get list watch',
        'bpf.sh/bpfnodes: get',
        'bpf.sh/bpfnodes/status: patch',
      ],
      'Role kube-bpf-agent': ['configmaps: get'],
      'ClusterRole kube-bpf-uninstall': [
        'bpf.sh/bpfs: list patch',
        'bpf.sh/bpfrevisions: list patch delete',
        'bpf.sh/bpfnodes: list delete',
        'nodes: list',
      ],
      'Role kube-bpf-uninstall': [
        'configmaps: list delete',
        'coordination.k8s.io/leases: create',
        'coordination.k8s.io/leases[kube-bpf-operator]: get update',
      ],
    });
  });

  test('every role is bound once, to the account that it is named after', async () => {
    const objects = await helm.template();
    for (const kind of ['Role', 'ClusterRole']) {
      for (const role of objects.filter((object) => object.kind === kind)) {
        const { name } = role.metadata;
        const account = name.replace(/-watching$/, '');
        expect(objectOf(objects, `${kind}Binding`, name)).toMatchObject({
          roleRef: { kind, name },
          subjects: [{ kind: 'ServiceAccount', name: account, namespace: 'bpf-system' }],
        });
        expect(objectOf(objects, 'ServiceAccount', account).metadata.namespace).toBe('bpf-system');
      }
    }
  });

  test('with watchNamespaces the operator looks at these only, and may', async () => {
    const everywhere = await helm.template();
    const narrowed = await helm.template({ watchNamespaces: ['tracing', 'net'] });
    const bindings = (objects: readonly Rendered[]) =>
      objects
        .filter(({ metadata }) => metadata.name === 'kube-bpf-operator-watching')
        .filter(({ kind }) => kind.endsWith('Binding'))
        .map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`);
    const args = (objects: readonly Rendered[]) =>
      container(objectOf(objects, 'Deployment', 'kube-bpf-operator')).args.filter((arg) => arg.includes('namespaces'));
    expect([bindings(everywhere), args(everywhere)]).toEqual([['ClusterRoleBinding '], []]);
    expect(bindings(narrowed)).toEqual(['RoleBinding tracing', 'RoleBinding net']);
    expect(args(narrowed)).toEqual(['--watch-namespaces=tracing,net']);
  });

  test('the CRDs are those that are generated, and stay when the release goes', async () => {
    const objects = await helm.template();
    const crds = objects.filter((object) => object.kind === 'CustomResourceDefinition');
    expect(crds.map((crd) => crd.metadata.name)).toEqual(['bpfnodes.bpf.sh', 'bpfrevisions.bpf.sh', 'bpfs.bpf.sh']);
    for (const crd of crds) {
      const [plural] = crd.metadata.name.split('.');
      const generated = parse(readFileSync(join(chart, `../../crds/generated/bpf.sh_${plural}.yaml`), 'utf8'));
      expect(crd['spec']).toEqual(generated.spec);
      expect(crd.metadata.annotations).toEqual({
        ...generated.metadata.annotations,
        'helm.sh/resource-policy': 'keep',
      });
    }
    const without = await helm.template({ crds: { install: false } });
    expect(without.filter((object) => object.kind === 'CustomResourceDefinition')).toEqual([]);
    expect(without.length).toBe(objects.length - crds.length);
  });

  test('Services find agents, each for itself, and the operator', async () => {
    const objects = await helm.template({ agent: { port: 19387 } });
    const agents = objectOf(objects, 'Service', 'kube-bpf-agent');
    expect(agents['spec']).toMatchObject({ clusterIP: 'None', ports: [{ name: 'metrics', port: 19387 }] });
    const operator = objectOf(objects, 'Service', 'kube-bpf-operator');
    expect(operator['spec']).toMatchObject({ ports: [{ name: 'metrics', port: operatorPort }] });
    for (const [service, workload] of [
      [agents, agentDaemonSet(objects)],
      [operator, objectOf(objects, 'Deployment', 'kube-bpf-operator')],
    ] as const) {
      const { selector } = service['spec'] as { selector: Record<string, string> };
      const { selector: chosen, template } = workload['spec'] as {
        selector: { matchLabels: object };
        template: { metadata: { labels: object } };
      };
      expect(chosen.matchLabels).toEqual(selector);
      expect(template.metadata.labels).toMatchObject(selector);
      expect(service.metadata.labels).toMatchObject(selector); // what a ServiceMonitor selects by
    }
  });

  test.each([
    ['podMonitor', 'PodMonitor', 'podMetricsEndpoints'],
    ['serviceMonitor', 'ServiceMonitor', 'endpoints'],
  ])('%s.enabled makes a %s for agents and operator, with honorLabels', async (value, kind, endpoints) => {
    const monitors = async (values: object) =>
      (await helm.template(values)).filter((object) => /Monitor$/.test(object.kind));
    expect(await monitors({})).toEqual([]);

    const made = await monitors({ [value]: { enabled: true, interval: '30s', labels: { release: 'prometheus' } } });
    expect(made.map((monitor) => `${monitor.kind} ${monitor.metadata.name}`)).toEqual([
      `${kind} kube-bpf-agent`,
      `${kind} kube-bpf-operator`,
    ]);
    for (const monitor of made) {
      const component = monitor.metadata.name.replace('kube-bpf-', '');
      const labels = { 'app.kubernetes.io/name': 'kube-bpf', 'app.kubernetes.io/component': component };
      expect(monitor.metadata.labels).toMatchObject({ ...labels, release: 'prometheus' });
      expect(monitor['spec']).toEqual({
        selector: { matchLabels: labels },
        [endpoints]: [{ port: 'metrics', path: '/metrics', honorLabels: true, interval: '30s', scrapeTimeout: '10s' }],
      });
    }
  });

  test('both monitors at once are refused, since all would be scraped twice', async () => {
    const both = { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } };
    await expect(helm.template(both)).rejects.toThrow(/podMonitor.enabled and serviceMonitor.enabled.*scraped twice/);
  });

  test('dashboards.enabled makes a ConfigMap of each dashboard, as the sidecar looks for it', async () => {
    const dashboards = async (values: object) =>
      (await helm.template(values)).filter(({ metadata }) => metadata.name.startsWith('kube-bpf-dashboard-'));
    expect(await dashboards({})).toEqual([]);

    const made = await dashboards({ dashboards: { enabled: true } });
    expect(made.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(
      dashboardNames.map((name) => `ConfigMap kube-bpf-dashboard-${name}`),
    );
    for (const [index, configMap] of made.entries()) {
      const name = dashboardNames[index] ?? '';
      const data = configMap['data'] as Readonly<Record<string, string>>;
      expect(Object.keys(data)).toEqual([`kube-bpf-${name}.json`]);
      expect(JSON.parse(data[`kube-bpf-${name}.json`] ?? '')).toEqual(readDashboard(name));
      expect(configMap.metadata).toMatchObject({ namespace: 'bpf-system', labels: { grafana_dashboard: '1' } });
      expect(configMap.metadata.annotations).toBeUndefined();
    }

    const placed = { namespace: 'monitoring', labels: { grafana_dashboard: 'yes' }, annotations: { folder: 'eBPF' } };
    for (const { metadata } of await dashboards({ dashboards: { enabled: true, ...placed } })) {
      expect(metadata).toMatchObject(placed);
    }
  });

  test('the uninstall hook comes before the release goes, and can be left out', async () => {
    const objects = await helm.template();
    const hooks = objects.filter((object) => object.metadata.annotations?.['helm.sh/hook'] !== undefined);
    expect(hooks.map((hook) => hook.kind).sort()).toEqual([
      'ClusterRole',
      'ClusterRoleBinding',
      'Job',
      'Role',
      'RoleBinding',
      'ServiceAccount',
    ]);
    for (const hook of hooks) {
      expect(hook.metadata.annotations).toEqual({
        'helm.sh/hook': 'pre-delete',
        'helm.sh/hook-weight': hook.kind === 'Job' ? '1' : '0', // its account and rights first
        'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
      });
    }
    const job = objectOf(objects, 'Job', 'kube-bpf-uninstall');
    expect(container(job).args).toContain('--uninstall');
    expect(container(job).image).toBe(container(objectOf(objects, 'Deployment', 'kube-bpf-operator')).image);

    const without = await helm.template({ uninstall: { enabled: false } });
    expect(without.map((object) => object.metadata.name)).not.toContain('kube-bpf-uninstall');
  });

  test('an image is named by registry, repository, and tag or digest', async () => {
    const image = async (values: object) => container(agentDaemonSet(await helm.template(values))).image;
    const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
    expect(await image({})).toBe('kube-bpf-agent:0.1.0');
    expect(await image({ agent: { image: { tag: 'v9' } } })).toBe('kube-bpf-agent:v9');
    expect(await image({ image: { registry: 'example.test/a/' }, agent: { image: { tag: 'v9', digest } } })).toBe(
      `example.test/a/kube-bpf-agent@${digest}`,
    );
  });

  test.each([
    ['a value that is not there', { agnet: {} }, 'agnet'],
    ['a nested value that is not there', { agent: { privileged: true } }, 'privileged'],
    ['a privilege that is not there', { agent: { privileges: { all: true } } }, 'all'],
    ['a folder that is none', { agent: { netns: 'run/netns' } }, 'netns'],
    ['a capability as text', { agent: { privileges: { uprobes: 'yes' } } }, 'uprobes'],
    ['a port below 1', { agent: { port: 0 } }, 'port'],
    ['a port above 65535', { agent: { port: 65536 } }, 'port'],
    ['a host path that is relative', { agent: { stateDir: 'state' } }, 'stateDir'],
    ['a log level that is not there', { operator: { logLevel: 'loud' } }, 'logLevel'],
    ['replicas below 0', { operator: { replicas: -1 } }, 'replicas'],
    ['no agent may be away', { agent: { maxUnavailable: 0 } }, 'maxUnavailable'],
    ['0 % of agents may be away', { agent: { maxUnavailable: '0%' } }, 'maxUnavailable'],
    ['101 % of agents may be away', { agent: { maxUnavailable: '101%' } }, 'maxUnavailable'],
    ['a registry without its slash', { image: { registry: 'example.test' } }, 'registry'],
    ['a digest that is none', { agent: { image: { digest: 'sha256:12' } } }, 'digest'],
    ['an interval without unit', { podMonitor: { interval: '15' } }, 'interval'],
    ['a profile that is not there', { agent: { seccompProfile: { type: 'None' } } }, 'type'],
    ['dashboards in a namespace that is none', { dashboards: { namespace: 'A' } }, 'namespace'],
    ['a dashboards label that is a number', { dashboards: { labels: { grafana_dashboard: 1 } } }, 'grafana_dashboard'],
    ['a namespace that is none', { watchNamespaces: ['A'] }, 'watchNamespaces'],
    ['a node selector that is no text', { agent: { nodeSelector: { gpu: true } } }, 'gpu'],
  ])('the schema refuses %s', async (_what, values, named) => {
    await expect(helm.template(values)).rejects.toThrow(named);
  });

  test.each([
    ['the lowest port', { agent: { port: 1 } }],
    ['the highest port', { agent: { port: 65535 } }],
    ['no operator for now', { operator: { replicas: 0 } }],
    ['all agents at once', { agent: { maxUnavailable: '100%' } }],
    ['values for every chart', { global: { anything: 1 } }],
  ])('the schema takes %s', async (_what, values) => {
    expect((await helm.template(values)).length).toBeGreaterThan(0);
  });
});
