import type { Clock } from '../clock.ts';
import type { KubeConnection } from './connection.ts';

export const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT as the kubelet sets them. */
  readonly host: string;
  readonly port: string;
  /** Where token, ca.crt and namespace are; `serviceAccountDir` by default. */
  readonly directory?: string;
  readonly clock: Clock;
}

/** The connection of a Pod's service account. The kubelet renews the token on disk, so it is read again when it changed. */
export declare function inClusterConnection(options: InClusterOptions): Promise<KubeConnection>;
