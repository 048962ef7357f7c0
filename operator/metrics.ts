import { Counter, Gauge, type Registry } from 'prom-client';

/** What the operator says of its own work; queues, controllers, reflectors and requests have metrics of their own. */
export class OperatorMetrics {
  readonly statusWrites: Counter;
  readonly configMapReads: Counter;
  readonly recountMismatches: Counter;
  readonly detachTimeouts: Counter;
  readonly payloadsCollected: Counter;
  readonly daemonSetApplies: Counter;
  readonly templateValid: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    const counter = (name: string, help: string) => new Counter({ name, help, registers });
    this.statusWrites = counter('bpf_operator_status_writes_total', 'Statuses of BPFs that were written.');
    this.configMapReads = counter('bpf_operator_configmap_reads_total', "Reads of users' ConfigMaps.");
    this.recountMismatches = counter(
      'bpf_operator_recount_mismatches_total',
      'BPFs whose counters were wrong when they were counted anew: a mistake in the operator, corrected.',
    );
    this.detachTimeouts = counter(
      'bpf_operator_detach_timeouts_total',
      'BPFs that were deleted before every live node had let go of them.',
    );
    this.payloadsCollected = counter('bpf_operator_payloads_collected_total', 'Pinned objects that were deleted.');
    this.daemonSetApplies = counter('bpf_operator_daemonset_applies_total', 'Writes of the agent DaemonSet.');
    this.templateValid = new Gauge({
      name: 'bpf_operator_agent_template_valid',
      help: '1 while the template of the agent DaemonSet is there and can be read.',
      registers,
    });
  }
}
