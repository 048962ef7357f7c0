export type Json = Record<string, unknown>;

export function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7386, section 2. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Json = isRecord(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}

/** Paths of the leaves; lists are leaves (atomic), which is all that the suite applies. */
export function leavesOf(value: unknown, prefix: readonly string[] = []): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  if (!isRecord(value)) return leaves.set(JSON.stringify(prefix), value);
  for (const [key, child] of Object.entries(value)) {
    for (const [path, leaf] of leavesOf(child, [...prefix, key])) leaves.set(path, leaf);
  }
  return leaves;
}

/** The object without the leaf at this path, and without what became empty by that. */
export function without(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (!isRecord(value) || key === undefined || !(key in value)) return value;
  const { [key]: child, ...others } = value;
  const left = rest.length === 0 ? undefined : without(child, rest);
  return left === undefined || (isRecord(left) && Object.keys(left).length === 0) ? others : { ...others, [key]: left };
}
