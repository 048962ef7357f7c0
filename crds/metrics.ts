import * as z from 'zod';
import { atomicList, identifier, text } from './bounded.ts';
import { decoderSchema } from './decoder.ts';
import { histogramSchema, path, scale } from './histogram.ts';
import { withRules } from './rule.ts';

/**
 * `spec.metrics`: how maps and globals become series, where BTF alone does not say it well enough. What needs the
 * object to be judged (whether a member is there, what size it has) is judged in `bpf/metrics/declared.ts`.
 */

const metricName = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

const offset = z.int().min(0).max(65_535).meta({ description: 'The first byte, counted from 0. Needs type.' });
const size = z
  .int()
  .min(1)
  .max(4096)
  .meta({ description: 'How many bytes. Needed for type bytes; of the integers, their size says it.' });
const bigEndian = z.boolean().meta({ description: 'The integer has its highest byte first, as in a packet.' });

const labelSchema = withRules(
  z.object({
    name: z.string().min(1).max(128).regex(identifier).meta({ description: "The label's name." }),
    field: path(
      'A member of the key, nested ones with dots. Without field, value and offset: the whole key.',
    ).optional(),
    value: path('A member of the value instead.').optional(),
    offset: offset.optional(),
    size: size.optional(),
    type: z
      .enum(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64', 'bytes'])
      .meta({ description: "How the key's bytes from offset on are read, where BTF does not say it or says it wrong." })
      .optional(),
    bigEndian: bigEndian.optional(),
    decoders: atomicList(
      decoderSchema,
      8,
      'Each takes what the one before it gave. A first one that takes text gets the field as it would be shown without.',
    ).optional(),
  }),
  {
    rule: '[has(self.field), has(self.value), has(self.offset)].filter(given, given).size() <= 1',
    message: 'field, value and offset exclude each other',
    holds: (label) => [label.field, label.value, label.offset].filter((given) => given !== undefined).length <= 1,
  },
  {
    rule: 'has(self.offset) == has(self.type) && (has(self.offset) || (!has(self.size) && !has(self.bigEndian)))',
    message: 'offset and type go together; size and bigEndian need them',
    holds: (label) =>
      (label.offset !== undefined) === (label.type !== undefined) &&
      (label.offset !== undefined || (label.size === undefined && label.bigEndian === undefined)),
  },
);

const valueSchema = withRules(
  z.object({
    field: path('A member of the value, nested ones with dots.').optional(),
    offset: offset.optional(),
    type: z
      .enum(['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'])
      .meta({ description: "How the value's bytes from offset on are read, where BTF does not say it." })
      .optional(),
    scale: scale('The number is multiplied by this: 1e-9 makes seconds of nanoseconds.').optional(),
  }),
  {
    rule: 'has(self.offset) == has(self.type) && !(has(self.field) && has(self.offset))',
    message: 'offset and type go together, and exclude field',
    holds: (value) =>
      (value.offset !== undefined) === (value.type !== undefined) &&
      !(value.field !== undefined && value.offset !== undefined),
  },
);

const seriesSchema = withRules(
  z.object({
    name: z
      .string()
      .min(1)
      .max(200)
      .regex(metricName)
      .meta({ description: "The metric's name, behind prefix and an underscore." }),
    help: z.string().min(1).max(1024).meta({ description: 'What it counts, for people.' }).optional(),
    type: z
      .enum(['counter', 'gauge', 'histogram', 'untyped'])
      .meta({
        description: 'If absent: counter where the name ends in _total, histogram where there is one, else untyped.',
      })
      .optional(),
    map: z.string().min(1).max(256).meta({ description: 'The map that it is read from.' }).optional(),
    global: z.string().min(1).max(256).meta({ description: 'Or the global variable, in .bss or .data.' }).optional(),
    perCPU: z
      .enum(['sum', 'max', 'min', 'avg', 'each'])
      .meta({
        description: 'What becomes of the values of the CPUs; each has them all, with the label cpu. sum if absent.',
      })
      .optional(),
    labels: atomicList(
      labelSchema,
      32,
      'If absent: a label for each member of the key, as without spec.metrics. Keys that then read alike are added up.',
    ).optional(),
    value: valueSchema
      .meta({ description: 'The number in the value, or in the global. Without it: the whole.' })
      .optional(),
    histogram: histogramSchema.meta({ description: 'How buckets are kept.' }).optional(),
    index: z
      .object({
        label: z.string().min(1).max(128).regex(identifier).meta({ description: "The label's name." }),
        names: atomicList(
          text(256, 'What the label shows for this element.'),
          1024,
          'One for each element from 0 on; the rest shows its index.',
        ).optional(),
      })
      .meta({
        description: 'Of an array, in the value, in the global, or the map itself: a label that says which element.',
      })
      .optional(),
  }),
  {
    rule: 'has(self.map) != has(self.global)',
    message: 'exactly one of map and global must be given',
    holds: ({ map, global }) => (map === undefined) !== (global === undefined),
  },
  {
    rule: "!has(self.type) || has(self.histogram) == (self.type == 'histogram')",
    message: 'histogram and type: histogram go together',
    holds: ({ type, histogram }) => type === undefined || (histogram !== undefined) === (type === 'histogram'),
  },
  {
    rule: '!(has(self.histogram) && has(self.value) && has(self.value.scale))',
    message: 'the scale of a histogram is histogram.scale',
    holds: ({ histogram, value }) => histogram === undefined || value?.scale === undefined,
  },
  {
    rule: "!(has(self.histogram) && self.histogram.kind == 'slots' && has(self.value))",
    message: 'kind slots has field, not value',
    holds: ({ histogram, value }) => histogram?.kind !== 'slots' || value === undefined,
  },
);

export const metricsSchema = z.object({
  prefix: z
    .string()
    .max(64)
    .regex(/^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/)
    .meta({
      description: "What the names in series start with, and an underscore behind it. 'bpf' if absent; '' for none.",
    })
    .optional(),
  auto: z
    .boolean()
    .meta({
      description:
        'Whether maps and globals that no series names are exported as without spec.metrics. If absent: only where there are no series.',
    })
    .optional(),
  maxSeries: z
    .int()
    .min(1)
    .max(10_000_000)
    .meta({ description: 'Series per node; what comes beyond is dropped and counted. No limit if absent.' })
    .optional(),
  expireAfter: z
    .string()
    .max(32)
    .regex(/^(0|([0-9]+(\.[0-9]+)?(ms|s|m|h))+)$/)
    .meta({
      description:
        'Series whose value has not changed for so long are left out, such as 10m or 1h30m. 0, or absent: never.',
    })
    .optional(),
  series: atomicList(seriesSchema, 128, 'What is exported, each metric by itself.').optional(),
});

export type MetricsSpec = z.infer<typeof metricsSchema>;
export type SeriesSpec = z.infer<typeof seriesSchema>;
export type SeriesLabelSpec = z.infer<typeof labelSchema>;
export type SeriesValueSpec = z.infer<typeof valueSchema>;
