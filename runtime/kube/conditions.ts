/** metav1.Condition. `type` and `reason` are narrowed by whoever owns the conditions. */
export interface Condition<Type extends string = string, Reason extends string = string> {
  type: Type;
  status: 'True' | 'False' | 'Unknown';
  reason: Reason;
  message: string;
  observedGeneration?: number;
  lastTransitionTime: string;
}

export type ConditionDraft<C extends Condition> = Omit<C, 'lastTransitionTime'>;

/**
 * The conditions with one set: `lastTransitionTime` moves (to `nowMs`) only when `status` does. Pure; the order of the
 * others is kept, a new one goes last; the same array comes back when nothing changed.
 */
export function setCondition<C extends Condition>(
  conditions: readonly C[],
  draft: ConditionDraft<C>,
  nowMs: number,
): readonly C[] {
  const index = conditions.findIndex((condition) => condition.type === draft.type);
  const old = conditions[index];
  const moved = old === undefined || old.status !== draft.status;
  const lastTransitionTime = moved ? toTime(nowMs) : old.lastTransitionTime;
  const next = { ...draft, lastTransitionTime } as unknown as C; // TypeScript does not put Omit<C, K> and K together again
  if (old !== undefined && sameCondition(old, next)) return conditions;
  return old === undefined ? [...conditions, next] : conditions.with(index, next);
}

export function findCondition<C extends Condition>(
  conditions: readonly C[] | undefined,
  type: C['type'],
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

function sameCondition(a: Condition, b: Condition): boolean {
  return (
    a.status === b.status &&
    a.reason === b.reason &&
    a.message === b.message &&
    a.observedGeneration === b.observedGeneration &&
    a.lastTransitionTime === b.lastTransitionTime
  );
}

/** metav1.Time: RFC 3339 in whole seconds. */
function toTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
