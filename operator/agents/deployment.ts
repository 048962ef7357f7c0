import type { KubeClient } from '../../runtime/kube/client.ts';
import type { KubeObject, ObjectRef, OwnerReference } from '../../runtime/kube/objects.ts';
import { pods, replicaSetMetadata } from '../watch/resources.ts';

/**
 * The Deployment that runs this operator, as the owner of what must not outlive it: Pod → ReplicaSet → Deployment.
 * Undefined where the operator is started in another way.
 */
export async function ownDeployment(
  client: KubeClient,
  pod: ObjectRef,
  signal: AbortSignal,
): Promise<OwnerReference | undefined> {
  const replicaSet = controllerOf(await client.find(pods, pod, { signal }), 'ReplicaSet');
  if (replicaSet === undefined) return undefined;
  const ref = { ...pod, name: replicaSet.name };
  const deployment = controllerOf(await client.find(replicaSetMetadata, ref, { signal }), 'Deployment');
  if (deployment === undefined) return undefined;
  const { apiVersion, kind, name, uid } = deployment;
  return { apiVersion, kind, name, uid };
}

const controllerOf = (object: KubeObject | undefined, kind: string): OwnerReference | undefined =>
  object?.metadata.ownerReferences?.find((owner) => owner.controller === true && owner.kind === kind);
