import type { KubeObject } from '../../../runtime/kube/objects.ts';
import { StatusReply } from './status-reply.ts';

export type Match = (object: KubeObject) => boolean;

/** `a=b`, `a!=b`, `a` of label selectors; metadata.name and metadata.namespace of field selectors. */
export function matcherOf(query: URLSearchParams, namespace: string | undefined): Match {
  const matches: Match[] = [];
  if (namespace !== undefined) matches.push((object) => object.metadata.namespace === namespace);
  for (const term of termsOf(query.get('labelSelector'))) matches.push(labelMatch(term));
  for (const term of termsOf(query.get('fieldSelector'))) matches.push(fieldMatch(term));
  return (object) => matches.every((match) => match(object));
}

function termsOf(selector: string | null): string[] {
  return (selector ?? '').split(',').filter((term) => term !== '');
}

function labelMatch(term: string): Match {
  const [, key = '', operator, value] = /^([^!=]+)(!=|==?)?(.*)$/.exec(term) ?? [];
  if (operator === undefined) return (object) => object.metadata.labels?.[key] !== undefined;
  return (object) => (object.metadata.labels?.[key] === value) === (operator !== '!=');
}

function fieldMatch(term: string): Match {
  const [path, value] = term.split('=');
  if (path === 'metadata.name') return (object) => object.metadata.name === value;
  if (path === 'metadata.namespace') return (object) => object.metadata.namespace === value;
  throw new StatusReply(400, 'BadRequest', `field label not supported: ${path}`);
}
