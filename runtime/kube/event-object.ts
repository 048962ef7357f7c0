import { createHash } from 'node:crypto';
import { toMicroTime } from './micro-time.ts';
import type { Draft, KubeObject } from './objects.ts';
import { defineResource } from './resource.ts';

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
  /** What was done or tried, UpperCamelCase, ≤ 128 characters: `Resolve`, `Rollout`. */
  readonly action: string;
  /** For people; cut to what the API takes. */
  readonly note: string;
}

/** events.k8s.io/v1 Event, the part that is written here. */
export interface KubeEvent extends KubeObject {
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  action: string;
  reason: string;
  regarding: EventRegarding;
  note: string;
  type: 'Normal' | 'Warning';
  series?: { count: number; lastObservedTime: string };
}

export const events = defineResource<KubeEvent>({
  group: 'events.k8s.io',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
});

/** The API refuses longer ones (k8s.io/kubernetes pkg/apis/core/validation/events.go). */
const maxNoteBytes = 1024;
const maxReasonLength = 128;

export interface EventReporter {
  /** `bpf.sh/operator`. */
  readonly controller: string;
  /** The Pod's name. */
  readonly instance: string;
}

/** The object for an event that is seen for the first time. */
export function eventObject(draft: EventDraft, reporter: EventReporter, nowMs: number): Draft<KubeEvent> {
  return {
    metadata: {
      name: `${draft.regarding.name.slice(0, maxNamePrefix)}.${digestOf(`${eventKey(draft)} ${reporter.instance} ${nowMs}`)}`,
      namespace: namespaceOf(draft.regarding),
    },
    eventTime: toMicroTime(nowMs),
    reportingController: reporter.controller,
    reportingInstance: reporter.instance.slice(0, maxReasonLength),
    action: draft.action.slice(0, maxReasonLength),
    reason: draft.reason.slice(0, maxReasonLength),
    regarding: draft.regarding,
    note: cutToBytes(draft.note, maxNoteBytes),
    type: draft.type,
  };
}

/** Events of one key are one event that happened again. */
export function eventKey(draft: EventDraft): string {
  const { regarding, type, reason, action, note } = draft;
  return digestOf(
    JSON.stringify([regarding.kind, regarding.namespace, regarding.name, regarding.uid, type, reason, action, note]),
  );
}

/** Events about cluster-scoped objects live in `default`. */
function namespaceOf(regarding: EventRegarding): string {
  return regarding.namespace ?? 'default';
}

/** Names have at most 253 characters; the digest and its dot take 17. */
const maxNamePrefix = 236;

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** At most so many bytes of UTF-8, whole characters. */
function cutToBytes(text: string, limitBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limitBytes) return text;
  const cut = new TextDecoder().decode(bytes.subarray(0, limitBytes - ellipsis.length), { stream: true });
  return cut + ellipsis;
}

const ellipsis = '...';
