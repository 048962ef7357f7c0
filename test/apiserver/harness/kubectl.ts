import { type RunResult, run } from './run.ts';

export interface KubectlOptions {
  /** Standard input, for `-f -`. */
  readonly input?: string;
  /** A nonzero exit code is what the test is about: it is given back instead of thrown. */
  readonly mayFail?: boolean;
  readonly timeoutMs?: number;
}

export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<RunResult>;

/** kubectl against one cluster, with a discovery cache of its own: a cached CRD would outlive its cluster. */
export function kubectlFor(binary: string, kubeconfig: string, cacheFolder: string, env: NodeJS.ProcessEnv): Kubectl {
  return async (args, { input, mayFail = false, timeoutMs = 60_000 } = {}) => {
    const result = await run(binary, [`--kubeconfig=${kubeconfig}`, `--cache-dir=${cacheFolder}`, ...args], {
      ...(input !== undefined && { input }),
      env,
      timeoutMs,
    });
    if (result.code !== 0 && !mayFail) {
      throw new Error(`run kubectl ${args.join(' ')}: exit code ${result.code}: ${result.stderr.trim()}`);
    }
    return result;
  };
}
