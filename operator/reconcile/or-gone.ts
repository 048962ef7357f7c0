import { isKubeError } from '../../runtime/kube/kube-error.ts';

/** What was written; undefined when there is nothing any more to write to, which is no failure where things go away. */
export async function orGone<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  }
}
