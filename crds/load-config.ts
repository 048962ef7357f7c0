import * as z from 'zod';
import { atomicList, listByKey, mapOf } from './bounded.ts';
import { metricsSchema } from './metrics.ts';
import { withRules } from './rule.ts';

/**
 * How an object is loaded, beyond what it says itself: the values of its global variables, the sizes of its maps, which of
 * its programs run, what its maps are exported as. A BPF's spec and a BPFRevision's template have the same fields.
 */

const globalsMax = 256;
const mapsMax = 256;
const programEntriesMax = 64;
/** Twins for more kernels than this are beyond what anybody maintains. */
const firstOfMax = 8;
/** The kernel's own limit on symbols (include/linux/kallsyms.h, KSYM_NAME_LEN). */
const symbolMaxLength = 128;
/** `max_entries` is a u32. */
const maxEntriesMax = 4_294_967_295;

const symbol = (description: string) => z.string().min(1).max(symbolMaxLength).meta({ description });

/**
 * A CRD has no unions, so the API server takes anything here and `bpf/revision` checks it by the variable's type. The
 * bound refuses numbers that JSON readers round.
 */
const globalValue = z
  .unknown()
  .refine((value) => typeof value !== 'number' || Math.abs(value) <= Number.MAX_SAFE_INTEGER, {
    message: 'numbers above 2^53 - 1 are written as strings',
  })
  .meta({
    description: 'A boolean, an integer (as a string too), the name of an enumerator, text, or a list of these.',
    'x-kubernetes-preserve-unknown-fields': true,
    minimum: Number.MIN_SAFE_INTEGER,
    maximum: Number.MAX_SAFE_INTEGER,
  });

const globalsSchema = mapOf(globalValue)
  .refine((globals) => Object.keys(globals).length <= globalsMax, `must have at most ${globalsMax} entries`)
  .meta({
    description:
      'Values of global variables of the object, by name, set before it is loaded. Typed by the BTF of the object: true or false, integers (those beyond 2^53 as strings, decimal or 0x), text for arrays of char, lists for arrays, enumerators by name.',
    maxProperties: globalsMax,
    'x-kubernetes-map-type': 'atomic',
  });

const mapSchema = z.object({
  name: symbol('The name of the map, as the object declares it.'),
  maxEntries: z
    .int()
    .min(1)
    .max(maxEntriesMax)
    .meta({ description: 'The most entries that it holds, in place of what the object says.' }),
});

/** A list, and not a set, of which the API server would say that another order is the same. */
const twinsSchema = withRules(
  atomicList(
    symbol("A program: the C function's name."),
    firstOfMax,
    'Twins, the best first: the first that loads and attaches on a node runs there, and the others stay off. One of them must.',
  ).min(1),
  {
    rule: 'self.all(a, self.exists_one(b, a == b))',
    message: 'a program stands in firstOf once',
    holds: (names) => new Set(names).size === names.length,
  },
);

const programSchema = withRules(
  z.object({
    name: symbol("The program that this is about: the C function's name.").optional(),
    enabled: z
      .boolean()
      .meta({
        description:
          'False leaves the program out; true loads one that its SEC("?…") leaves out. Without it, SEC() decides.',
      })
      .optional(),
    required: z
      .boolean()
      .meta({
        description:
          'False: where the program cannot be loaded or attached, the rest runs without it and the node says so (OptionalProgramFailed). Default true.',
      })
      .optional(),
    firstOf: twinsSchema.optional(),
  }),
  {
    rule: 'has(self.name) != has(self.firstOf)',
    message: 'exactly one of name and firstOf must be set',
    holds: ({ name, firstOf }) => (name === undefined) !== (firstOf === undefined),
  },
  {
    rule: '!has(self.firstOf) || !(has(self.enabled) || has(self.required))',
    message: 'enabled and required are about name, not firstOf',
    holds: ({ firstOf, enabled, required }) =>
      firstOf === undefined || (enabled === undefined && required === undefined),
  },
);

/** The names that an entry is about. */
const namesOf = ({ name, firstOf = [] }: z.output<typeof programSchema>) =>
  name === undefined ? firstOf : [name, ...firstOf];

const programsSchema = withRules(
  atomicList(
    programSchema,
    programEntriesMax,
    'What is to be said about programs of the object that their SEC() does not say: each by its name, or as twins.',
  ),
  {
    rule: 'self.all(a, !has(a.name) || self.exists_one(b, (has(b.name) && b.name == a.name) || (has(b.firstOf) && a.name in b.firstOf))) && self.all(a, !has(a.firstOf) || a.firstOf.all(n, self.exists_one(b, (has(b.name) && b.name == n) || (has(b.firstOf) && n in b.firstOf))))',
    message: 'a program stands in one entry only',
    holds: (entries) => {
      const names = entries.flatMap((entry) => [...new Set(namesOf(entry))]);
      return new Set(names).size === names.length;
    },
  },
);

/** The fields, optional each, for a BPF's spec and for a revision's template. */
export const loadConfigFields = {
  globals: globalsSchema.optional(),
  maps: listByKey(mapSchema, ['name'], mapsMax, 'Sizes of maps, by name.').optional(),
  programs: programsSchema.optional(),
  metrics: metricsSchema
    .meta({ description: 'What maps and globals are exported as. Absent: all that hold results, as their types say.' })
    .optional(),
};

export const templateSchema = z.object(loadConfigFields);

/** What nodes do with the object, beside running it: part of what a revision is. */
export type RevisionTemplate = z.infer<typeof templateSchema>;
export type ProgramEntry = NonNullable<RevisionTemplate['programs']>[number];
