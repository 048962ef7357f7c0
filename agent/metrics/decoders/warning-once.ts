import type { Machine } from './machine.ts';

/** Different messages that are told; a source of ever new ones falls silent. */
const maxMessages = 64;

/** The same machine, which passes on no warning that it has passed on before. */
export function warningOnce(machine: Machine): Machine {
  const told = new Set<string>();
  return {
    read: (path) => machine.read(path),
    list: (folder) => machine.list(folder),
    folders: (folder) => machine.folders(folder),
    stat: (path) => machine.stat(path),
    pause: () => machine.pause(),
    clock: machine.clock,
    architecture: machine.architecture,
    warn: (message) => {
      if (told.has(message) || told.size >= maxMessages) return;
      told.add(message);
      machine.warn(message);
    },
  };
}
