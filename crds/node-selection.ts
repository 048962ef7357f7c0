import * as z from 'zod';
import { atomicList, labelKey, labelMap, labelValue } from './bounded.ts';
import { withRules } from './rule.ts';

/**
 * Which nodes, said as a Pod says it: `nodeSelector`, and of `affinity` the required node terms. What a Pod's scheduler
 * only prefers has no meaning here, so it is not a field.
 */

/** A node's label value cannot start with a minus sign, so no negative number can be meant. 18 digits fit into an int64. */
const integer = /^[0-9]{1,18}$/;

const matchExpression = withRules(
  z.object({
    key: labelKey('The key of a node label.'),
    operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']).meta({
      description: 'How the label relates to values. A node without the label satisfies NotIn and DoesNotExist only.',
    }),
    values: atomicList(
      labelValue('A label value, or for Gt and Lt an integer.'),
      256,
      'For In and NotIn at least one; for Exists and DoesNotExist none; for Gt and Lt exactly one, read as an integer.',
    ).optional(),
  }),
  {
    rule: "!(self.operator in ['In', 'NotIn']) || (has(self.values) && self.values.size() > 0)",
    message: 'values must be specified when operator is In or NotIn',
    holds: ({ operator, values }) => !(operator === 'In' || operator === 'NotIn') || (values ?? []).length > 0,
  },
  {
    rule: "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || self.values.size() == 0",
    message: 'values must be empty when operator is Exists or DoesNotExist',
    holds: ({ operator, values }) =>
      !(operator === 'Exists' || operator === 'DoesNotExist') || (values ?? []).length === 0,
  },
  {
    rule: `!(self.operator in ['Gt', 'Lt']) || (has(self.values) && self.values.size() == 1 && self.values[0].matches(r'${integer.source}'))`,
    message: 'values must be one integer when operator is Gt or Lt',
    holds: ({ operator, values = [] }) =>
      !(operator === 'Gt' || operator === 'Lt') || (values.length === 1 && integer.test(values[0] ?? '')),
  },
);

const matchField = z.object({
  key: z.enum(['metadata.name']).meta({ description: 'The node field: metadata.name is the only one, as in a Pod.' }),
  operator: z.enum(['In', 'NotIn']).meta({ description: 'Whether the node is, or is not, the one in values.' }),
  values: z
    .array(z.string().min(1).max(253).meta({ description: 'A node name.' }))
    .min(1)
    .max(1)
    .meta({ description: 'Exactly one node name, as in a Pod.', 'x-kubernetes-list-type': 'atomic' }),
});

const nodeSelectorTerm = z.object({
  matchExpressions: atomicList(matchExpression, 16, 'Requirements on node labels; all of them must hold.').optional(),
  matchFields: atomicList(matchField, 16, 'Requirements on node fields; all of them must hold.').optional(),
});

const requiredTerms = z.object({
  nodeSelectorTerms: z.array(nodeSelectorTerm).min(1).max(16).meta({
    description:
      'Alternatives: a node is selected when at least one term holds for it. A term without any requirement selects nothing.',
    'x-kubernetes-list-type': 'atomic',
  }),
});

export const nodeSelectorSchema = labelMap(
  32,
  'Only nodes that carry all of these labels run the program. As nodeSelector of a Pod.',
);

export const affinitySchema = z
  .object({
    nodeAffinity: z
      .object({
        requiredDuringSchedulingIgnoredDuringExecution: requiredTerms
          .meta({
            description:
              'What a node must be to run the program. Unlike a Pod, a program also leaves a node that no longer qualifies.',
          })
          .optional(),
      })
      .meta({ description: 'Requirements on nodes. Preferences have no meaning for a program and are not a field.' })
      .optional(),
  })
  .meta({
    description:
      'Only nodes that satisfy this run the program, in addition to nodeSelector. As affinity of a Pod, required node terms only.',
  });

/** The nodes a program is meant for; both parts must hold, and an absent part holds for every node. */
export interface NodeSelection {
  readonly nodeSelector?: z.infer<typeof nodeSelectorSchema> | undefined;
  readonly affinity?: z.infer<typeof affinitySchema> | undefined;
}
