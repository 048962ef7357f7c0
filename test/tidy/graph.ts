import type { SourceFile } from './source-file.ts';

/** One cycle of imports for each that there is, as `a → b → a`. Type-only imports count: a cycle of types is one of ideas. */
export function importCycles(files: ReadonlyMap<string, SourceFile>): string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (name: string): void => {
    const at = path.indexOf(name);
    if (at !== -1) {
      cycles.push([...path.slice(at), name].join(' → '));
      return;
    }
    if (done.has(name)) return;
    path.push(name);
    for (const { target, kind } of files.get(name)?.imports ?? [])
      if (files.has(target) && kind !== 'lazy') visit(target);
    path.pop();
    done.add(name);
  };
  for (const name of files.keys()) visit(name);
  return cycles;
}

/** Files that nothing reaches from the entry points. */
export function orphans(files: ReadonlyMap<string, SourceFile>, entries: Iterable<string>): string[] {
  const reached = new Set<string>();
  const todo = [...entries];
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    for (const { target } of files.get(name)?.imports ?? []) if (files.has(target)) todo.push(target);
  }
  return [...files.keys()].filter((name) => !reached.has(name));
}
