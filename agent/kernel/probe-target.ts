import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NoAttachTarget } from './attach.ts';

/** Where tracefs may be mounted: on its own, or by debugfs. */
const eventFolders = ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events'];

/**
 * Throws NoAttachTarget where it is known, without loading anything, that there is nothing to attach a program to: then a
 * load that can do without it need not be undone. Only what this host lists is known, and that is tracepoints.
 */
export function probeTarget({ name, section }: { readonly name: string; readonly section: string }): void {
  const [, category, event] = /^\??(?:tp|tracepoint)\/([^/]+)\/([^/]+)$/.exec(section) ?? [];
  const events = eventFolders.find((folder) => existsSync(folder));
  if (category === undefined || event === undefined || events === undefined) return;
  if (existsSync(join(events, category, event))) return;
  const message = `program ${name} (${section}): there is no ${category}/${event} here: ${events} does not list it`;
  throw new NoAttachTarget('NoAttachTarget', message, { program: name });
}
