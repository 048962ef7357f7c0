import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BpfNodeObject, bpfNodes, bpfRevisions, payloadConfigMaps } from '../../../../agent/source/resources.ts';
import { defineResource } from '../../../../runtime/kube/resource.ts';
import { Rig, type RigOptions } from '../../../apiserver/kube-suite/rig.ts';
import type { KubeTarget } from '../../../apiserver/kube-suite/target.ts';
import { FakeApi, type FakeKind } from '../../../fakes/api-server/fake-api.ts';
import { LogLines } from '../../../fakes/log-lines.ts';
import { payloadDraft, type RevisionParts, revisionDraft } from '../../../fixtures/revisions.ts';

const kinds: readonly FakeKind[] = [
  { group: 'bpf.sh', version: 'v1alpha1', plural: 'bpfrevisions', kind: 'BPFRevision', hasStatus: false },
  { group: 'bpf.sh', version: 'v1alpha1', plural: 'bpfnodes', kind: 'BPFNode', hasStatus: true },
];

export const fakeApi = () => new FakeApi(kinds);

const nodes = defineResource({ group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false });

/** One node of a cluster, as the agent sees it, and what operator and users do there. */
export class AgentRig extends Rig {
  readonly node = this.name('node');
  readonly folder = mkdtempSync(join(tmpdir(), 'kube-bpf-agent-'));
  readonly log = new LogLines();

  constructor(target: KubeTarget, options?: RigOptions) {
    super(target, options);
    this.onDispose(async () => rmSync(this.folder, { recursive: true }));
  }

  makeNode(labels: Record<string, string> = {}) {
    return this.other.create(nodes, { metadata: { name: this.node, labels } });
  }

  labelNode(labels: Record<string, string | null>) {
    return this.other.mergePatch(nodes, { name: this.node }, { metadata: { labels } });
  }

  deleteNode() {
    return this.other.delete(nodes, { name: this.node });
  }

  makeBpfNode() {
    return this.other.create(bpfNodes, { metadata: { name: this.node } });
  }

  deleteBpfNode() {
    return this.other.delete(bpfNodes, { name: this.node });
  }

  get bpfNode(): Promise<BpfNodeObject> {
    return this.other.get(bpfNodes, { name: this.node });
  }

  /** In a namespace of this test's own; `other`'s requests are not counted. */
  makeRevision(parts: RevisionParts = {}) {
    return this.other.create(bpfRevisions, revisionDraft({ namespace: this.run, ...parts }));
  }

  patchRevision(name: string, spec: object) {
    return this.other.mergePatch(bpfRevisions, { namespace: this.run, name }, { spec });
  }

  deleteRevision(name: string) {
    return this.other.delete(bpfRevisions, { namespace: this.run, name });
  }

  async makePayload(elf: Uint8Array, stored?: Uint8Array): Promise<void> {
    await this.other.create(payloadConfigMaps, payloadDraft(elf, stored));
  }
}
