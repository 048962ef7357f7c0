import { parse } from 'yaml';
import * as z from 'zod';
import { CodedError, messageOf } from '../../runtime/errors.ts';
import type { Placement } from '../nodes/eligible.ts';
import type { ConfigMapObject } from '../watch/resources.ts';

/** The key of the template ConfigMap, as the chart writes it. */
export const templateKey = 'daemonset.yaml';

/** facts.configMap is the ConfigMap that does not hold a DaemonSet. */
export class TemplateError extends CodedError<'TemplateInvalid', { configMap: string }> {}

const tolerationSchema = z.looseObject({
  key: z.string().optional(),
  operator: z.string().optional(),
  value: z.string().optional(),
  effect: z.string().optional(),
});

/** Only what is read here; the API server checks the rest when it is applied. */
const templateSchema = z.looseObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('DaemonSet'),
  metadata: z.looseObject({
    name: z.string().min(1),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.looseObject({
    template: z.looseObject({
      spec: z.looseObject({
        nodeSelector: z.record(z.string(), z.string()).optional(),
        affinity: z.looseObject({}).optional(),
        tolerations: z.array(tolerationSchema).optional(),
        hostNetwork: z.boolean().optional(),
      }),
    }),
  }),
});

export interface AgentTemplate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Of the DaemonSet, as it is written. */
  readonly spec: object;
  readonly placement: Placement;
}

/** The agent DaemonSet that the chart has rendered. Throws TemplateError. */
export function readTemplate({ metadata, data = {} }: ConfigMapObject): AgentTemplate {
  const configMap = metadata.name;
  const where = `read ${templateKey} of ConfigMap ${configMap}`;
  const text = data[templateKey];
  if (text === undefined) throw new TemplateError('TemplateInvalid', `${where}: no such key`, { configMap });
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new TemplateError('TemplateInvalid', `${where}: ${messageOf(error)}`, { configMap }, error);
  }
  const parsed = templateSchema.safeParse(document);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
    throw new TemplateError('TemplateInvalid', `${where}: ${problems}`, { configMap });
  }
  const { metadata: named, spec } = parsed.data;
  return {
    name: named.name,
    labels: named.labels ?? {},
    annotations: named.annotations ?? {},
    spec,
    // The API server has the last word on what an affinity may be; a wrong one never becomes a DaemonSet.
    placement: spec.template.spec as Placement,
  };
}
