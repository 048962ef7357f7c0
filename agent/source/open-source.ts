import type { Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { AgentFacts, KernelFacts } from './node-status.ts';
import type { Source } from './source.ts';

export interface OpenSourceOptions {
  /** Of the process's configuration, what decides where wishes come from. */
  readonly config: {
    readonly manifests?: string | undefined;
    readonly watch: boolean;
    readonly kubeconfig?: string | undefined;
    readonly nodeName: string;
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The instance's own folder: what outlives a restart is kept here. */
  readonly folder: string;
  readonly agent: AgentFacts;
  readonly kernel: KernelFacts;
  readonly onConnected: (connected: boolean) => void;
}

/**
 * Where this agent's wishes come from. What only one of the two ways needs is loaded there only: TLS, YAML and their
 * schemas are 3 MiB. Throws ConnectionError when there is nothing to connect with.
 */
export async function openSource(options: OpenSourceOptions): Promise<Source> {
  const { manifests: dir, watch, nodeName } = options.config;
  if (dir === undefined) {
    const { openKubernetes } = await import('./open-kubernetes.ts');
    return openKubernetes(options);
  }
  const { DirectorySource } = await import('./directory.ts');
  const { clock, logger } = options;
  return new DirectorySource({ dir, watch, clock, logger, nodeName });
}
