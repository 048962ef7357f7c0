import type { NodeSelection } from '../../crds/node-selection.ts';

/** What a selection looks at. */
export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Whether a program is meant for a node: as the scheduler decides it for a Pod with the same nodeSelector and required
 * node affinity (k8s.io/component-helpers/scheduling/corev1/nodeaffinity, and apimachinery's labels.Requirement.Matches).
 */
export function matchesNode({ nodeSelector = {}, affinity }: NodeSelection, node: NodeFacts): boolean {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    Object.entries(nodeSelector).every(([key, value]) => labelOf(node, key) === value) &&
    (required === undefined || required.nodeSelectorTerms.some((term) => termMatches(term, node)))
  );
}

type RequiredTerms = NonNullable<
  NonNullable<NonNullable<NodeSelection['affinity']>['nodeAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>;
type Term = RequiredTerms['nodeSelectorTerms'][number];
type Expression = NonNullable<Term['matchExpressions']>[number];
type Field = NonNullable<Term['matchFields']>[number];

/** "A null or empty node selector term matches no objects" (core/v1 NodeSelectorTerm). */
function termMatches({ matchExpressions = [], matchFields = [] }: Term, node: NodeFacts): boolean {
  return (
    matchExpressions.length + matchFields.length > 0 &&
    matchExpressions.every((expression) => expressionMatches(expression, node)) &&
    matchFields.every((field) => fieldMatches(field, node))
  );
}

function expressionMatches({ key, operator, values = [] }: Expression, node: NodeFacts): boolean {
  const label = labelOf(node, key);
  switch (operator) {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
    case 'Gt':
    case 'Lt': {
      const have = parseInt64(label);
      const bound = parseInt64(values[0]);
      return have !== undefined && bound !== undefined && (operator === 'Gt' ? have > bound : have < bound);
    }
  }
}

/** metadata.name is the only field that the schema lets through. */
const fieldMatches = ({ operator, values }: Field, { name }: NodeFacts): boolean =>
  operator === 'In' ? values.includes(name) : !values.includes(name);

/** A node may carry a label called `constructor`. */
const labelOf = ({ labels }: NodeFacts, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

/** Go's strconv.ParseInt(text, 10, 64): a sign, decimal digits, nothing else, and within int64. */
function parseInt64(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^[+-]?[0-9]{1,63}$/.test(text)) return undefined;
  const value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
