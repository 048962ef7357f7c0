import type * as z from 'zod';
import { namespaceName } from '../../crds/bounded.ts';
import { type Bpf, bpfSchema } from '../../crds/bpf.ts';
import { group } from '../../crds/names.ts';
import { objectMetaSchema } from '../../crds/object-meta.ts';
import { type ManifestProblem, problemsText, readManifest } from '../../crds/read-manifest.ts';
import { type ConfigMap, configMapSchema } from './config-map.ts';
import { type Place, placeText } from './place.ts';
import type { YamlDocument } from './yaml-documents.ts';

/** One BPF or ConfigMap, as a document says it. */
export type Manifest<T> = {
  readonly place: Place;
  /** `namespace/name`. */
  readonly ref: string;
} & (
  | { readonly ok: true; readonly value: T }
  /** `message` names file, document and fields. */
  | { readonly ok: false; readonly message: string }
);

/** What a file has to say. */
export interface Manifests {
  readonly bpfs: readonly Manifest<Bpf>[];
  readonly configMaps: readonly Manifest<ConfigMap>[];
  /** Documents that cannot be told to be about any one object: what they meant is unknown. */
  readonly unknown: readonly UnknownDocument[];
  /** Kinds that are none of ours: `v1 Service`. */
  readonly skipped: readonly string[];
}

export interface UnknownDocument {
  readonly place: Place;
  readonly message: string;
  /** It does not parse, or claims to be of our kinds: a BPF may be meant that must not be taken for deleted. */
  readonly mayBeBpf: boolean;
}

/** Where a manifest that names no namespace belongs. */
const defaultNamespace = 'default';

/** The kinds of ours that the operator makes: somebody saved them with the rest. */
const operatorKinds: ReadonlySet<string> = new Set(['BPFRevision', 'BPFNode']);

/** The BPFs and ConfigMaps in a file's documents; Lists are unfolded, `status` is ignored. */
export function readManifests(file: string, documents: readonly YamlDocument[]): Manifests {
  const bpfs: Manifest<Bpf>[] = [];
  const configMaps: Manifest<ConfigMap>[] = [];
  const unknown: UnknownDocument[] = [];
  const skipped = new Set<string>();
  for (const { place, value } of documents.flatMap((document) => objectsOf(file, document, unknown))) {
    const { apiVersion, kind } = value;
    const isOurs = kind === 'BPF' || groupOf(apiVersion) === group;
    const fail = (problems: readonly ManifestProblem[]) =>
      unknown.push({ place, message: `read ${placeText(place)}: ${problemsText(problems)}`, mayBeBpf: isOurs });
    if (typeof kind !== 'string' || kind === '') fail([{ field: 'kind', message: 'required' }]);
    else if (typeof apiVersion !== 'string') fail([{ field: 'apiVersion', message: 'required' }]);
    else if (kind === 'ConfigMap' && apiVersion === 'v1') {
      const read = manifestOf(configMapSchema, kind, place, value);
      if ('problems' in read) fail(read.problems);
      else configMaps.push(read);
    } else if (isOurs && !operatorKinds.has(kind)) {
      // Also what is meant for another version of ours, or says `kind: BFP`: the schema says what is wrong with it.
      const read = manifestOf(bpfSchema, 'BPF', place, value);
      if ('problems' in read) fail(read.problems);
      else bpfs.push(read);
    } else skipped.add(`${apiVersion} ${kind}`);
  }
  return { bpfs, configMaps, unknown, skipped: [...skipped] };
}

interface Located {
  readonly place: Place;
  readonly value: Readonly<Record<string, unknown>>;
}

/** The objects of a document, out of any List; what is no object goes to `unknown`. */
function objectsOf(file: string, read: YamlDocument, unknown: UnknownDocument[]): Located[] {
  const { number: document, line } = read;
  if (read.type === 'unreadable') {
    // The place has the line where the document starts, the message the one where it went wrong.
    const message = `read ${file}, document ${document}: ${read.message}`;
    unknown.push({ place: { file, document, line }, message, mayBeBpf: true });
    return [];
  }
  const unfold = (value: unknown, place: Place): Located[] => {
    if (!isRecord(value)) {
      unknown.push({ place, message: `read ${placeText(place)}: not an object`, mayBeBpf: false });
      return [];
    }
    if (value['kind'] !== 'List' || value['apiVersion'] !== 'v1') return [{ place, value }];
    const items = value['items'];
    if (!Array.isArray(items)) {
      unknown.push({ place, message: `read ${placeText(place)}: items: not a list`, mayBeBpf: true });
      return [];
    }
    const itemOf = (i: number) => `${place.item === undefined ? '' : `${place.item}.`}${i + 1}`;
    return items.flatMap((item: unknown, i) => unfold(item, { ...place, item: itemOf(i) }));
  };
  return unfold(read.value, { file, document, line });
}

/** `problems` when not even its name can be trusted. */
function manifestOf<S extends z.ZodType<Bpf | ConfigMap>>(
  schema: S,
  kind: string,
  place: Place,
  { status: _, ...object }: Located['value'],
): Manifest<z.output<S>> | { readonly problems: readonly ManifestProblem[] } {
  const read = readManifest(schema, object);
  const id = identityOf(object['metadata']);
  const problems = [...(read.ok ? [] : read.problems), ...id.problems];
  if (id.ref === undefined) return { problems };
  if (!read.ok) {
    const message = `read ${placeText(place)}: ${kind} ${id.ref}: ${problemsText(problems)}`;
    return { place, ref: id.ref, ok: false, message };
  }
  read.value.metadata.namespace = id.namespace;
  return { place, ref: id.ref, ok: true, value: read.value };
}

type Identity = { namespace: string; ref: string; problems: [] } | { ref?: never; problems: ManifestProblem[] };

/** Whose manifest it is, whatever else is wrong with it. A bad name itself is the schema's to say. */
function identityOf(metadata: unknown): Identity {
  if (!isRecord(metadata)) return { problems: [] };
  const name = objectMetaSchema.shape.name.safeParse(metadata['name']);
  const namespace = namespaceName('').safeParse(metadata['namespace'] ?? defaultNamespace);
  if (!namespace.success) {
    const message = namespace.error.issues.map((issue) => issue.message).join(', ');
    return { problems: [{ field: 'metadata.namespace', message }] };
  }
  if (!name.success) return { problems: [] };
  return { namespace: namespace.data, ref: `${namespace.data}/${name.data}`, problems: [] };
}

const groupOf = (apiVersion: unknown): string | undefined =>
  typeof apiVersion === 'string' ? apiVersion.split('/')[0] : undefined;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
