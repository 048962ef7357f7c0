import * as z from 'zod';
import { listByKey, text, time } from './bounded.ts';

/** metav1.Condition, with its own bounds (apimachinery pkg/apis/meta/v1/types.go). */
export const conditionSchema = z.object({
  type: z
    .string()
    .max(316)
    .regex(
      /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/,
    )
    .meta({ description: 'What the condition is about.' }),
  status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'Whether it holds.' }),
  observedGeneration: z
    .int()
    .min(0)
    .meta({ description: 'The metadata.generation that this condition was computed from.' })
    .optional(),
  lastTransitionTime: time('When status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .regex(/^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/)
    .meta({ description: 'Why, in one word for programs.' }),
  message: text(32_768, 'Why, for people.'),
});

export type Condition = z.infer<typeof conditionSchema>;

export const conditionsOf = (description: string) => listByKey(conditionSchema, ['type'], 16, description);
