import { bpfLabel } from '../../crds/names.ts';
import type { KubeClient } from '../../runtime/kube/client.ts';
import type { Logger } from '../../runtime/logger.ts';
import { type BpfObject, bpfRevisions, type RevisionObject } from '../watch/resources.ts';
import { planRevisions, type RevisionInput, type RevisionStep } from './plan-revisions.ts';

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
  if (planRevisions({ ...input, existing: seen }).length === 0) return seen;

  const { namespace = '', name } = bpf.metadata;
  const { items } = await client.list(bpfRevisions, { namespace, labelSelector: `${bpfLabel}=${name}`, signal });
  const revisions = new Map(items.map((revision) => [revision.metadata.name, revision]));
  for (const step of planRevisions({ ...input, existing: items })) {
    const next = await take(client, step, signal);
    if (next === undefined) continue;
    const { sequence, active } = next.spec;
    logger.info({ namespace, revision: next.metadata.name, step: step.type, sequence, active }, 'rolling out');
    revisions.set(next.metadata.name, next);
  }
  return [...revisions.values()];
}

/** The revision as it is then; undefined when it goes. */
async function take(client: KubeClient, step: RevisionStep, signal: AbortSignal): Promise<RevisionObject | undefined> {
  switch (step.type) {
    case 'create':
      return await client.create(bpfRevisions, step.draft, { signal });
    case 'patch':
      return await client.mergePatch(bpfRevisions, step.revision.metadata, step.patch, { signal });
    case 'delete':
      await client.delete(bpfRevisions, step.revision.metadata, { uid: step.revision.metadata.uid, signal });
      return undefined;
  }
}
