import { bpfLabel } from '../../crds/names.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type BpfObject, bpfRevisions, type RevisionObject } from '../watch/resources.ts';
import { planRevisions, type RevisionInput } from './plan-revisions.ts';

export interface RollOutDeps {
  readonly client: KubeClient;
  readonly revisionsOf: (bpf: BpfObject) => readonly RevisionObject[];
  readonly logger: Logger;
}

/**
 * Makes the BPFRevisions as the BPF says, and returns them. By what the watch has shown there is mostly nothing to do;
 * where there is, what the API server holds at this moment decides, since the watch may lag behind our own last write.
 */
export async function rollOut(
  deps: RollOutDeps,
  input: Omit<RevisionInput, 'existing'>,
  signal: AbortSignal,
): Promise<readonly RevisionObject[]> {
  const { client, logger } = deps;
  const { bpf } = input;
  const seen = deps.revisionsOf(bpf);
  if (isEmpty(planRevisions({ ...input, existing: seen }))) return seen;

  const { namespace = '', name } = bpf.metadata;
  const { items } = await client.list(bpfRevisions, { namespace, labelSelector: `${bpfLabel}=${name}`, signal });
  const plan = planRevisions({ ...input, existing: items });
  const result = new Map(items.map((revision) => [revision.metadata.name, revision]));
  for (const draft of plan.apply) {
    const { sequence, active } = draft.spec;
    logger.info({ namespace, revision: draft.metadata.name, sequence, active }, 'rolling out');
    result.set(draft.metadata.name, await client.apply(bpfRevisions, draft, { force: true, signal }));
  }
  for (const { metadata } of plan.delete) {
    await client.delete(bpfRevisions, metadata, { uid: metadata.uid, signal });
    result.delete(metadata.name);
  }
  return [...result.values()];
}

const isEmpty = (plan: ReturnType<typeof planRevisions>): boolean =>
  plan.apply.length === 0 && plan.delete.length === 0;
