import type { Kubectl } from './kubectl.ts';

/** A bound token of a service account, which is made when missing, with its namespace. */
export async function tokenFor(kubectl: Kubectl, namespace: string, serviceAccount: string): Promise<string> {
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { namespace, name: serviceAccount } },
  ];
  await kubectl(['apply', '--server-side', '-f', '-'], {
    input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
  });
  const { stdout } = await kubectl(['create', 'token', serviceAccount, `--namespace=${namespace}`, '--duration=1h']);
  return stdout.trim();
}
