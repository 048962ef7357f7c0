import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient } from './client.ts';

export interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process: Pod name and something random. */
  readonly identity: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  /** 15 s, 10 s and 2 s by default, as Kubernetes' own components. */
  readonly leaseDurationMs?: number;
  readonly renewLimitMs?: number;
  readonly retryMs?: number;
  readonly random?: () => number;
}

/** At most one of those with the same Lease leads at a time (as far as a Lease can promise). */
export declare class LeaderElector {
  constructor(options: LeaderElectorOptions);
  /**
   * Waits for the Lease, then runs `lead`, whose signal aborts when the Lease could not be renewed or `signal` aborts.
   * 'stopped': `signal` aborted (the Lease is given back after `lead` ended). 'lost': the process should exit.
   */
  run(signal: AbortSignal, lead: (signal: AbortSignal) => Promise<void>): Promise<'stopped' | 'lost'>;
  /** By our own clock, right now: the last renewal is younger than the renew limit. */
  get leading(): boolean;
  /** For KubeClientOptions.fence: throws when not leading. */
  assertLeading(): void;
}
