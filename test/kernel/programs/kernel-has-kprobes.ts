import { existsSync } from 'node:fs';

/** Whether perf can make kprobes, and so programs that need the entry of a function can run. */
export const kernelHasKprobes: boolean = existsSync('/sys/bus/event_source/devices/kprobe');
