import type { NodeFacts } from '../../bpf/revision/matches-node.ts';

/** Node's names of processors and Go's, which the label carries. */
const goArchitectures: Readonly<Record<string, string>> = {
  x64: 'amd64',
  arm64: 'arm64',
  s390x: 's390x',
  ppc64: 'ppc64le',
};

/** What a kubelet would say of this machine, as far as that is known without one: the well-known labels. */
export const machineFacts = (nodeName: string, arch: string = process.arch): NodeFacts => ({
  name: nodeName,
  labels: {
    'kubernetes.io/hostname': nodeName,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': goArchitectures[arch] ?? arch,
  },
});
