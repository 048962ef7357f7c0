import type { Logger } from '../runtime/logger.ts';
import type { AgentConfig } from './config.ts';
import { Instance } from './instance.ts';
import { Pins } from './kernel/pins.ts';
import type { Libbpf } from './libbpf/binding.ts';

/** The instance's name, as given or by default: the node's in Kubernetes, else the address (two may share a host). */
export function instanceOf(config: Pick<AgentConfig, 'instance' | 'manifests' | 'nodeName' | 'listen'>): string {
  return config.instance ?? (config.manifests === undefined ? config.nodeName : config.listen);
}

/** Leaves nothing of this instance on the machine: no pin, no journal, no cache. Throws InstanceTaken while it runs. */
export function cleanup(config: AgentConfig, lib: Libbpf, logger: Logger): void {
  using instance = new Instance(lib, config.stateDir, instanceOf(config));
  const pins = new Pins(config.bpffs, instance.name);
  const uids = pins.uids();
  pins.removeAll();
  instance.remove();
  logger.info({ instance: instance.name, bpfs: uids.length }, 'removed the pins and the state of this instance');
}
