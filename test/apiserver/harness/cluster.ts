import type { Kubectl } from './kubectl.ts';

/** A real kube-apiserver on a real etcd, with RBAC, and no controllers: nothing collects garbage or makes accounts. */
export interface ControlPlane extends AsyncDisposable {
  readonly url: string;
  readonly caFile: string;
  /** A kubeconfig of a user that may do everything. */
  readonly adminKubeconfig: string;
  /** As that user. Throws on a nonzero exit code unless `mayFail`. */
  readonly kubectl: Kubectl;
  /** The pid changes with each restart. Undefined for a cluster that is not ours. */
  readonly apiserverPid: number | undefined;
  /** SIGKILL, and gone when this resolves; `restartApiserver` brings it back on the same port. */
  killApiserver(): Promise<void>;
  /** Ends it in good order if it runs, starts it again, and resolves when it is ready. */
  restartApiserver(): Promise<void>;
  /** A bound token of a service account, good for an hour; namespace and account are made when missing. */
  tokenFor(namespace: string, serviceAccount: string): Promise<string>;
  /** A kubeconfig of any user and groups, by client certificate. */
  kubeconfigFor(user: string, groups: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}
