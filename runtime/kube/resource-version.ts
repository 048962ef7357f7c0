const decimal = /^\d+$/;

/**
 * Whether `a` is a later state than `b`. Resource versions are decimal numbers that can be compared (a promise of the API
 * since Kubernetes 1.35, and true before of every server on etcd). Were one not a number, the order in which they come is
 * all there is: what came later is newer.
 */
export function isNewerVersion(a: string, b: string): boolean {
  if (!decimal.test(a) || !decimal.test(b)) return a !== b;
  return a.length === b.length ? a > b : a.length > b.length; // no leading zeros, so this is numeric order
}
