/** Lines of a number and the names of it and those that follow it: `3 close stat` is 3 close, 4 stat. */
export function unfoldNames(lines: readonly string[]): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  for (const line of lines) {
    const [first = '', ...rest] = line.split(' ');
    for (const [i, name] of rest.entries()) names.set(Number(first) + i, name);
  }
  return names;
}
