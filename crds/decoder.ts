import * as z from 'zod';
import { atomicList, identifier, mapOf, noPrototype, text } from './bounded.ts';
import { withRules } from './rule.ts';

/** What a decoder takes: the field's bytes as they are in the map, or text. */
export const decoderInputs = {
  uint: 'bytes',
  int: 'bytes',
  string: 'bytes',
  hex: 'bytes',
  bool: 'bytes',
  inet_ip: 'bytes',
  ipport: 'bytes',
  dname: 'bytes',
  ifname: 'bytes',
  netns: 'bytes',
  majorminor: 'bytes',
  mkdev: 'bytes',
  ksym: 'bytes',
  kstack: 'bytes',
  enum: 'bytes',
  static_map: 'text',
  regexp: 'text',
  format: 'text',
  ipproto: 'text',
  errno: 'text',
  syscall: 'text',
  cgroup: 'text',
  pci_vendor: 'text',
  pci_device: 'text',
  pci_class: 'text',
  pci_subclass: 'text',
} as const satisfies Readonly<Record<string, 'bytes' | 'text'>>;

export type DecoderName = keyof typeof decoderInputs;

interface DecoderParameters {
  readonly name: DecoderName;
  readonly map?: unknown;
  readonly regexps?: unknown;
  readonly type?: unknown;
  readonly format?: unknown;
}

/** A parameter that one decoder needs and no other takes. */
const belongsTo = (parameter: Exclude<keyof DecoderParameters, 'name'>, decoder: DecoderName) => ({
  rule: `has(self.${parameter}) == (self.name == '${decoder}')`,
  message: `${parameter} is for the decoder ${decoder}, which needs it`,
  holds: (spec: DecoderParameters) => (spec[parameter] !== undefined) === (spec.name === decoder),
});

export const decoderSchema = withRules(
  z.object({
    name: z
      .enum(Object.keys(decoderInputs) as DecoderName[])
      .meta({ description: 'Which decoder; docs/metrics.md says what each makes of its input.' }),
    map: mapOf(text(256, 'What the label shows for it.'))
      .refine((map) => Object.keys(map).length <= 1024, 'must have at most 1024 entries')
      .meta({
        description: 'static_map: text to text.',
        maxProperties: 1024,
        'x-kubernetes-validations': [noPrototype],
      })
      .optional(),
    allowUnknown: z
      .boolean()
      .meta({ description: 'static_map: what is not in map stays as it is, instead of unknown:TEXT.' })
      .optional(),
    regexps: atomicList(
      z.string().min(1).max(256).meta({ description: "A regular expression in RE2's syntax." }),
      64,
      'regexp: the first that matches counts. Of one group its text, without a group the match; no match drops the series.',
    )
      .min(1)
      .optional(),
    type: z
      .string()
      .min(1)
      .max(128)
      .regex(identifier)
      .meta({ description: "enum: an enum type of the running kernel's BTF, or else of the object's." })
      .optional(),
    format: z
      .string()
      .min(1)
      .max(64)
      .meta({ description: 'format: text around one of %d, %u, %x, %X, %o or %s, such as 0x%04x.' })
      .optional(),
  }),
  belongsTo('map', 'static_map'),
  belongsTo('regexps', 'regexp'),
  belongsTo('type', 'enum'),
  belongsTo('format', 'format'),
  {
    rule: "!has(self.allowUnknown) || self.name == 'static_map'",
    message: 'allowUnknown is for the decoder static_map',
    holds: ({ name, allowUnknown }) => allowUnknown === undefined || name === 'static_map',
  },
  {
    rule: '!has(self.map) || self.map.size() > 0 || (has(self.allowUnknown) && self.allowUnknown)',
    message: 'map has no entries, so that everything would be unknown',
    holds: ({ map, allowUnknown }) => map === undefined || Object.keys(map).length > 0 || allowUnknown === true,
  },
);

/** One step of a label's decoders, with the parameters that this one takes. */
export type DecoderSpec = z.infer<typeof decoderSchema>;
