import { bpfKind } from './bpf.ts';
import { bpfNodeKind } from './bpf-node.ts';
import { bpfRevisionKind } from './bpf-revision.ts';
import type { Kind } from './kind.ts';

/** Every kind of the API. */
export const kinds: readonly Kind[] = [bpfKind, bpfRevisionKind, bpfNodeKind];
