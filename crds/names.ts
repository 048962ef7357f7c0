/** Names that operator, agent and users share (design: api.md "Names used by both processes"). */

export const group = 'bpf.sh';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}` as const;

/** `kubectl get bpf-sh` lists every kind of ours. */
export const category = 'bpf-sh';

/** The one finalizer, on a BPF: it goes when no live node lists the BPF any more, or after `detachLimitMs`. */
export const detachFinalizer = 'bpf.sh/detach';
export const detachLimitMs = 60_000;

/** On a BPFRevision: the name of its BPF. */
export const bpfLabel = 'bpf.sh/bpf';
/** On a pinned payload's ConfigMap: the first `payloadDigestDigits` hex digits of the ELF's SHA-256. */
export const payloadLabel = 'bpf.sh/payload';

export const operatorFieldManager = 'bpf-operator';
export const agentFieldManager = 'bpf-agent';

export const agentPort = 9387;
export const operatorPort = 9388;

/** The key of a pinned payload's ConfigMap that holds the stored bytes (gzip stays gzip). */
export const payloadKey = 'object';

/** A SHA-256 has 64 hex digits and a label value holds 63 characters, so names and labels carry this many. */
export const payloadDigestDigits = 16;

/** The ConfigMap, in the operator's namespace, that holds the ELF with this digest. */
export const payloadConfigMapName = (sha256: string): string => `bpf-payload-${payloadLabelValue(sha256)}`;

export const payloadLabelValue = (sha256: string): string => sha256.slice(0, payloadDigestDigits);

/** A label value's limit, hence a BPF's name's: `bpf.sh/bpf` carries it (apimachinery validation.LabelValueMaxLength). */
export const labelValueMaxLength = 63;
