import { readdirSync } from 'node:fs';
import { CodedError, codeOf } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logger.ts';
import type { AgentConfig } from './config.ts';
import { Instance, instanceFolder } from './instance.ts';
import { Pins } from './kernel/pins.ts';
import type { Libbpf } from './libbpf/binding.ts';

/** The instance's name, as given or by default: the node's in Kubernetes, else the address (two may share a host). */
export function instanceOf(config: Pick<AgentConfig, 'instance' | 'manifests' | 'nodeName' | 'listen'>): string {
  return config.instance ?? (config.manifests === undefined ? config.nodeName : config.listen);
}

/** There is nothing of the instance; the message says of which there is. */
export class NoSuchInstance extends CodedError<'NoSuchInstance', { readonly instance: string }> {}

/**
 * Leaves nothing of this instance on the machine: no pin, no journal, no cache. Throws InstanceTaken while it runs, and
 * NoSuchInstance, since by a wrong flag it would otherwise seem to have cleaned up.
 */
export function cleanup(config: AgentConfig, lib: Libbpf, logger: Logger): void {
  const wanted = instanceFolder(instanceOf(config));
  const found = new Set([config.stateDir, config.bpffs].flatMap(foldersIn));
  const others = [...found].filter((folder) => folder !== wanted).sort();
  const hint = 'give the flags that the agent ran with, or --instance NAME';
  if (!found.has(wanted)) {
    const there = others.length === 0 ? 'there is none' : `there is ${others.join(', ')}`;
    const message = `clean up instance ${wanted}: it left nothing in ${config.stateDir} or ${config.bpffs}; ${there} [${hint}]`;
    throw new NoSuchInstance('NoSuchInstance', message, { instance: wanted });
  }
  using instance = new Instance(lib, config.stateDir, instanceOf(config));
  const pins = new Pins(config.bpffs, instance.name);
  const uids = pins.uids();
  pins.removeAll();
  instance.remove();
  logger.info({ instance: instance.name, bpfs: uids.length }, 'removed the pins and the state of this instance');
  // An agent that did not get to start leaves an instance, too: it may not have been the one that was meant.
  if (others.length > 0) logger.info({ instances: others }, `other instances are still there [${hint}]`);
}

function foldersIn(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return [];
    throw thrown;
  }
}
