import type { Registry } from 'prom-client';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { AgentConfig } from '../config.ts';
import type { Preflight } from '../kernel/preflight.ts';
import { DirectorySource } from './directory.ts';
import type { Source } from './source.ts';

export interface OpenSourceOptions {
  readonly config: AgentConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** The instance's own folder: what outlives a restart is kept here. */
  readonly folder: string;
  readonly agent: { readonly version: string; readonly libbpf: string };
  readonly kernel: Preflight;
  readonly onConnected: (connected: boolean) => void;
}

/** Where this agent's wishes come from. */
export async function openSource({ config, clock, logger }: OpenSourceOptions): Promise<Source> {
  const { manifests: dir, watch, nodeName } = config;
  if (dir !== undefined) return new DirectorySource({ dir, watch, clock, logger, nodeName });
  throw new Error('no source');
}
