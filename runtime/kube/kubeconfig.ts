import type { KubeConnection } from './connection.ts';

export interface KubeconfigOptions {
  /** Path; without one, what kubectl would use ($KUBECONFIG is main's to read). */
  readonly file: string;
  readonly context?: string;
}

/** The connection of a kubeconfig, exec plugins included. Loads client-node, and only here: it costs 40 to 80 MB. */
export declare function kubeconfigConnection(options: KubeconfigOptions): Promise<KubeConnection>;
