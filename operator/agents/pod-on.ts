import type { PodObject } from '../watch/resources.ts';

/** The agent's Pod among those on a node; in a rolling update there are two, and the one that is ready counts. */
export function podOn(pods: readonly PodObject[], daemonSet: string | undefined): PodObject | undefined {
  const agents = pods.filter(({ metadata }) =>
    metadata.ownerReferences?.some(({ kind, name }) => kind === 'DaemonSet' && name === daemonSet),
  );
  return agents.find(isReady) ?? agents[0];
}

const isReady = ({ status }: PodObject): boolean =>
  status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
