import type { Registry } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { KubeClient } from './client.ts';

export interface EventRegarding {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion?: string;
}

export interface EventDraft {
  readonly regarding: EventRegarding;
  readonly type: 'Normal' | 'Warning';
  /** UpperCamelCase, ≤ 128 characters. */
  readonly reason: string;
  /** What was done or tried, UpperCamelCase: `Resolve`, `Rollout`. */
  readonly action: string;
  /** For people; cut to 1024 bytes. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** `bpf.sh/operator`. */
  readonly reportingController: string;
  readonly reportingInstance: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
}

/** Writes events.k8s.io/v1 Events in the background: the same event again becomes a series; too many are dropped and counted. */
export declare class EventRecorder {
  constructor(options: EventRecorderOptions);
  /** Never waits, never throws. */
  record(event: EventDraft): void;
  /** Writes what is waiting, until the signal aborts. */
  stop(signal?: AbortSignal): Promise<void>;
}
