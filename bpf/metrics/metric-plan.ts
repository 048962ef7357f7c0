import type { MetricsSpec } from '../../crds/metrics.ts';
import type { ObjectSpec } from '../object/spec.ts';
import { declared } from './declared.ts';
import { durationMs } from './duration.ts';
import type { MetricPlan } from './plan.ts';
import { zeroConfig } from './zero-config.ts';

/** Why an object's metrics cannot be exported as they are: the reason `InvalidMetric`. */
export interface PlanFault {
  readonly message: string;
}

export interface PlannedMetrics {
  /** To be used only where there are no faults. */
  readonly plan: MetricPlan;
  readonly faults: readonly PlanFault[];
}

/**
 * What an object's maps and globals are exported as: what `spec.metrics` declares, and with `auto` the rest from BTF
 * alone; without `spec.metrics` all from BTF. Pure: the operator's verdict and the agent's plan are the same.
 */
export function metricPlan(object: ObjectSpec, metrics: MetricsSpec | undefined): PlannedMetrics {
  if (metrics === undefined) return zeroConfig(object);
  const { series = [], auto = series.length === 0, prefix, maxSeries, expireAfter } = metrics;
  const { tables, faults, claims } = declared(object, metrics);
  const except = new Set(series.flatMap(({ map, global }) => map ?? global ?? []));
  const rest = auto ? zeroConfig(object, { prefix, except }) : { plan: { tables: [], notes: [] }, faults: [] };
  const meeting = rest.plan.tables
    .flatMap(({ metrics: rows }) => rows.map(({ family }) => family))
    .flatMap((name) => {
      const at = claims.get(name);
      return at === undefined ? [] : [{ message: `${at}.name: auto makes ${name} already` }];
    });
  const expireAfterMs = expireAfter === undefined ? 0 : durationMs(expireAfter);
  return {
    plan: {
      tables: [...tables, ...rest.plan.tables],
      notes: rest.plan.notes,
      ...(maxSeries !== undefined && { maxSeries }),
      ...(expireAfterMs > 0 && { expireAfterMs }),
    },
    faults: [...faults.map(({ path, problem }) => ({ message: `${path}: ${problem}` })), ...rest.faults, ...meeting],
  };
}
