import { createHash } from 'node:crypto';
import type { KubeClient } from '../../runtime/kube/client.ts';
import { type Draft, keyOf, type OwnerReference } from '../../runtime/kube/objects.ts';
import { done, type Result, stop, wait } from '../../runtime/kube/result.ts';
import type { Logger } from '../../runtime/logger.ts';
import type { OperatorMetrics } from '../metrics.ts';
import { managedLabel, managedLabelValue } from '../watch/keys.ts';
import { type ConfigMapObject, type DaemonSetObject, daemonSets } from '../watch/resources.ts';
import { type AgentTemplate, readTemplate, TemplateError } from './template.ts';

export interface DaemonSetDeps {
  readonly client: KubeClient;
  /** The template, and the DaemonSets with our label, in our namespace. */
  readonly templates: { get(key: string): ConfigMapObject | undefined };
  readonly daemonSets: { get(key: string): DaemonSetObject | undefined };
  readonly namespace: string;
  readonly owner: OwnerReference | undefined;
  readonly logger: Logger;
  readonly metrics: OperatorMetrics;
  /** Where agents may be has changed. */
  readonly placed: () => void;
}

interface Applied {
  readonly digest: string;
  readonly uid: string;
  readonly generation: number | undefined;
}

/** Keeps the agent DaemonSet as the template says. */
export class DaemonSetReconciler {
  readonly #deps: DaemonSetDeps;
  #template: AgentTemplate | undefined;
  #applied: Applied | undefined;

  constructor(deps: DaemonSetDeps) {
    this.#deps = deps;
  }

  /** Of the last template that could be read. */
  get template(): AgentTemplate | undefined {
    return this.#template;
  }

  /** Reads the template, so that it is known before nodes are counted. The key is the template's `namespace/name`. */
  read(key: string): Result | undefined {
    const { templates, metrics, placed } = this.#deps;
    const configMap = templates.get(key);
    metrics.templateValid.set(0);
    if (configMap === undefined) return wait(`no ConfigMap ${key}: the DaemonSet stays as it is`);
    try {
      const template = readTemplate(configMap);
      const moved = JSON.stringify(template.placement) !== JSON.stringify(this.#template?.placement);
      this.#template = template;
      metrics.templateValid.set(1);
      if (moved) placed();
      return undefined;
    } catch (error) {
      if (error instanceof TemplateError) return stop(error);
      throw error;
    }
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Result> {
    const { client, logger, metrics, namespace, owner } = this.#deps;
    const notRead = this.read(key);
    if (notRead !== undefined || this.#template === undefined) return notRead ?? done;

    const draft = draftOf(this.#template, namespace, owner);
    const digest = createHash('sha256').update(JSON.stringify(draft)).digest('hex');
    const current = this.#deps.daemonSets.get(keyOf(draft.metadata));
    if (current !== undefined && this.#isAsApplied(current, digest, draft)) return done;

    const drifted = this.#applied?.digest === digest;
    logger.info({ daemonSet: draft.metadata.name, drifted }, 'applying the agent DaemonSet');
    const applied = await client.apply(daemonSets, draft, { force: true, signal });
    metrics.daemonSetApplies.inc();
    const { uid, generation } = applied.metadata;
    this.#applied = { digest, uid, generation };
    return done;
  }

  /** The generation moves with the spec, whoever changes it; labels, annotations and owners do not move it. */
  #isAsApplied({ metadata }: DaemonSetObject, digest: string, draft: Draft<DaemonSetObject>): boolean {
    const applied = this.#applied;
    return (
      applied?.digest === digest &&
      applied.uid === metadata.uid &&
      applied.generation === metadata.generation &&
      holds(metadata.labels, draft.metadata.labels) &&
      holds(metadata.annotations, draft.metadata.annotations) &&
      (draft.metadata.ownerReferences ?? []).every(({ uid }) =>
        metadata.ownerReferences?.some((reference) => reference.uid === uid),
      )
    );
  }
}

/** DaemonSets of ours that there must not be: agents are somebody else's now. */
export async function removeDaemonSets(client: KubeClient, namespace: string, signal: AbortSignal): Promise<void> {
  const labelSelector = `${managedLabel}=${managedLabelValue}`;
  const { items } = await client.list(daemonSets, { namespace, labelSelector, signal });
  for (const { metadata } of items) await client.delete(daemonSets, metadata, { uid: metadata.uid, signal });
}

function draftOf(
  { name, labels, annotations, spec }: AgentTemplate,
  namespace: string,
  owner: OwnerReference | undefined,
): Draft<DaemonSetObject> {
  return {
    metadata: {
      name,
      namespace,
      labels: { ...labels, [managedLabel]: managedLabelValue },
      annotations: { ...annotations },
      ...(owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: spec as DaemonSetObject['spec'],
  };
}

const holds = (actual: Record<string, string> = {}, wanted: Record<string, string> = {}): boolean =>
  Object.entries(wanted).every(([key, value]) => actual[key] === value);
