import * as z from 'zod';
import { atomicList } from './bounded.ts';
import { withRules } from './rule.ts';

/** Members from the outside in. */
export const path = (description: string) =>
  z
    .string()
    .min(1)
    .max(256)
    .regex(/^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$/)
    .meta({ description });
export const scale = (description: string) => z.number().gt(0).max(1e18).meta({ description });

export const histogramSchema = withRules(
  z.object({
    kind: z.enum(['slots', 'exp2', 'exp2zero', 'linear', 'fixed']).meta({
      description:
        'slots: an array of integers in the value, one for each bucket. The others: the key has the number n of a bucket, the value how many fell into it. exp2: up to 2^n. exp2zero: n = 0 is zero, else up to 2^(n-1). linear: up to n times multiplier. fixed: up to n.',
    }),
    field: path(
      'slots: the array in the value; without it the value itself. The others: the member of the key with the number; without it the last, or the whole key.',
    ).optional(),
    bucketOf: z
      .enum(['floorLog2', 'ceilLog2'])
      .meta({
        description: "slots: what slot i holds. floorLog2, as bcc's log2l: up to 2^(i+1)-1. ceilLog2: up to 2^i.",
      })
      .optional(),
    linear: z
      .object({
        width: z.int().min(1).max(1e15).meta({ description: 'Slot i holds from i*width up to (i+1)*width-1.' }),
      })
      .meta({ description: 'slots: all buckets are of one width.' })
      .optional(),
    bounds: atomicList(
      z.number().meta({ description: 'The largest number that falls into the slot, before scale.' }),
      256,
      'slots: the upper bounds, ascending. One fewer than slots where the last takes all that is larger, else as many.',
    ).optional(),
    min: z
      .int()
      .min(0)
      .max(65_535)
      .meta({ description: 'exp2, exp2zero, linear: the first bucket. 0 if absent.' })
      .optional(),
    max: z.int().min(0).max(65_535).meta({ description: 'exp2, exp2zero, linear: the last bucket.' }).optional(),
    multiplier: z
      .number()
      .gt(0)
      .max(1e18)
      .meta({ description: 'linear: the width of a bucket. 1 if absent.' })
      .optional(),
    keys: atomicList(
      z.int().min(0).meta({ description: "A bucket's number, which is its upper bound before scale." }),
      256,
      'fixed: the buckets, ascending.',
    ).optional(),
    sumKey: z
      .int()
      .min(0)
      .meta({ description: 'The number under which the sum is kept, in the same map. Without it there is no _sum.' })
      .optional(),
    sumField: path('slots: a member of the value that holds the sum. Without it there is no _sum.').optional(),
    countField: path(
      'slots: a member of the value that counts what fell into no slot as well. Without it the slots are added up.',
    ).optional(),
    scale: scale('Bounds and sum are multiplied by this: 1e-6 makes seconds of microseconds.').optional(),
  }),
  {
    rule: "[has(self.bucketOf), has(self.linear), has(self.bounds)].filter(given, given).size() == (self.kind == 'slots' ? 1 : 0)",
    message: 'kind slots needs one of bucketOf, linear and bounds; no other kind takes them',
    holds: ({ kind, bucketOf, linear, bounds }) =>
      [bucketOf, linear, bounds].filter((given) => given !== undefined).length === (kind === 'slots' ? 1 : 0),
  },
  {
    rule: "has(self.max) == (self.kind in ['exp2', 'exp2zero', 'linear']) && (has(self.max) || !has(self.min))",
    message: 'kinds exp2, exp2zero and linear need max; no other kind takes min and max',
    holds: ({ kind, min, max }) =>
      (max !== undefined) === (kind === 'exp2' || kind === 'exp2zero' || kind === 'linear') &&
      (max !== undefined || min === undefined),
  },
  {
    rule: "has(self.keys) == (self.kind == 'fixed')",
    message: 'kind fixed needs keys; no other kind takes them',
    holds: ({ kind, keys }) => (keys !== undefined) === (kind === 'fixed'),
  },
  {
    rule: "!has(self.multiplier) || self.kind == 'linear'",
    message: 'multiplier is for kind linear',
    holds: ({ kind, multiplier }) => multiplier === undefined || kind === 'linear',
  },
  {
    rule: "self.kind == 'slots' ? !has(self.sumKey) : !has(self.sumField) && !has(self.countField)",
    message: 'sumField and countField are for kind slots, sumKey for the others',
    holds: ({ kind, sumKey, sumField, countField }) =>
      kind === 'slots' ? sumKey === undefined : sumField === undefined && countField === undefined,
  },
);

export type HistogramSpec = z.infer<typeof histogramSchema>;
