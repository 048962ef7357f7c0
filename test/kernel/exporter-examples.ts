import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import * as z from 'zod';
import { resolve } from '../../bpf/revision/resolve.ts';
import { bpfSchema } from '../../crds/bpf.ts';
import { readManifest } from '../../crds/read-manifest.ts';
import { gunzip } from '../../runtime/gunzip.ts';
import { sha256 } from '../../runtime/sha256.ts';
import { compileBpf } from '../fixtures/compile.ts';

const folder = fileURLToPath(new URL('../fixtures/ebpf-exporter/', import.meta.url));

/** Examples of ebpf_exporter that we have a manifest for. */
export const exampleNames: readonly string[] = readdirSync(folder).map((file) => file.slice(0, -'.yaml'.length));

export const exampleManifest = (name: string): string => readFileSync(join(folder, `${name}.yaml`), 'utf8');

/** The example's object, compiled from the module's own source with its own vmlinux.h. */
export const compileExample = (module: string, name: string): Uint8Array =>
  compileBpf(join(module, 'examples', `${name}.bpf.c`), {
    // The headers of libbpf 1.1 do not include each other as those do that the examples were written with.
    flags: [
      '-mcpu=v3',
      '-g',
      `-I${join(module, 'include/x86')}`,
      '-include',
      'vmlinux.h',
      '-include',
      'bpf/bpf_helpers.h',
    ],
  });

/** What the operator and an agent make of our manifest and that object. */
export function resolveExample(module: string, name: string): ReturnType<typeof resolve> {
  const read = readManifest(bpfSchema, parse(exampleManifest(name)));
  if (!read.ok) throw new Error(`read ${name}.yaml: ${JSON.stringify(read.problems)}`);
  const { key } = read.value.spec.program.valueFrom.configMapKeyRef;
  const object = Buffer.from(compileExample(module, name)).toString('base64');
  return resolve(read.value, { binaryData: { [key]: object } }, { sha256, gunzip });
}

const decoder = z.object({
  name: z.string(),
  static_map: z.record(z.string(), z.string()).optional(),
  allow_unknown: z.boolean().optional(),
  regexps: z.array(z.string()).optional(),
});
const metric = z.object({
  name: z.string(),
  labels: z
    .array(z.object({ name: z.string(), size: z.number(), padding: z.number().default(0), decoders: z.array(decoder) }))
    .default([]),
});
const histogram = metric.extend({
  bucket_type: z.enum(['exp2', 'exp2zero', 'linear']),
  bucket_min: z.number(),
  bucket_max: z.number(),
  bucket_multiplier: z.number().default(1),
});
const configuration = z.object({
  metrics: z.object({ counters: z.array(metric).default([]), histograms: z.array(histogram).default([]) }),
});

export type ExporterDecoder = z.infer<typeof decoder>;
export type ExporterMetric = z.infer<typeof metric>;
export type ExporterHistogram = z.infer<typeof histogram>;

/** What ebpf_exporter itself is told about the example. */
export const exporterConfiguration = (module: string, name: string): z.infer<typeof configuration>['metrics'] =>
  configuration.parse(parse(readFileSync(join(module, 'examples', `${name}.yaml`), 'utf8'))).metrics;
