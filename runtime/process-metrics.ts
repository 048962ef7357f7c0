import { readdirSync, readFileSync, statSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { Counter, Gauge, type Registry } from 'prom-client';

interface ProcessMetric {
  readonly name: string;
  readonly help: string;
  /** Undefined: not to be had now, and what was read last stays. */
  readonly read: () => number | undefined;
}

/** How often the event loop's delay is sampled: an idle process is woken so often. */
export const loopSampleMs = 200;

/** Of Node's histogram of the loop's delay, what costs nothing to ask: mean and deviation are sums over all counts. */
interface LoopDelays {
  /** The longest time from one sample to the next in nanoseconds, period included; 0 where there was none. */
  readonly max: number;
  reset(): void;
}

/**
 * Registers what is worth knowing of a process and cheap to read: all of it takes about 20 µs a scrape. prom-client's
 * `collectDefaultMetrics` takes a millisecond, most of it for the deviation of the event loop's delay and for counts of
 * handles, heap spaces and collections that nobody looks at. Names and meanings are prom-client's, except that the delay
 * is what came on top of the sampling period.
 */
export function registerProcessMetrics(registry: Registry, delays: LoopDelays = sampleLoop()): void {
  const registers = [registry];
  for (const { name, help, read } of counters) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value === undefined) return;
        this.reset();
        this.inc(value);
      },
    });
  }
  for (const { name, help, read } of [...gauges, fileLimit(), eventLoopLag(delays)]) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        if (value !== undefined) this.set(value);
      },
    });
  }
}

const counters: readonly ProcessMetric[] = [
  {
    name: 'process_cpu_user_seconds_total',
    help: 'Total user CPU time spent in seconds.',
    read: () => process.cpuUsage().user / 1e6,
  },
  {
    name: 'process_cpu_system_seconds_total',
    help: 'Total system CPU time spent in seconds.',
    read: () => process.cpuUsage().system / 1e6,
  },
  {
    name: 'process_cpu_seconds_total',
    help: 'Total user and system CPU time spent in seconds.',
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
];

const gauges: readonly ProcessMetric[] = [
  {
    name: 'process_start_time_seconds',
    help: 'Start time of the process since unix epoch in seconds.',
    read: () => performance.timeOrigin / 1000,
  },
  {
    name: 'process_resident_memory_bytes',
    help: 'Resident memory size in bytes.',
    read: () => process.memoryUsage.rss(),
  },
  { name: 'process_open_fds', help: 'Number of open file descriptors.', read: openFiles },
  {
    name: 'nodejs_heap_size_total_bytes',
    help: 'Process heap size from Node.js in bytes.',
    read: () => getHeapStatistics().total_heap_size,
  },
  {
    name: 'nodejs_heap_size_used_bytes',
    help: 'Process heap size used from Node.js in bytes.',
    read: () => getHeapStatistics().used_heap_size,
  },
  {
    name: 'nodejs_external_memory_bytes',
    help: 'Node.js external memory size in bytes.',
    read: () => getHeapStatistics().external_memory,
  },
];

/** Linux 6.2 and later say the number as the folder's size (proc_pid_fd(5)); before, it is 0, and the folder is read. */
function openFiles(): number | undefined {
  try {
    // The one that reads the folder is not counted.
    return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined; // no /proc, or no descriptor left to read the folder with
  }
}

/** Read once: nobody raises the limit of a process that runs. */
function fileLimit(): ProcessMetric {
  const limit = softFileLimit();
  return { name: 'process_max_fds', help: 'Maximum number of open file descriptors.', read: () => limit };
}

function softFileLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? undefined : soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  } catch {
    return undefined; // no /proc
  }
}

function sampleLoop(): LoopDelays {
  const delays = monitorEventLoopDelay({ resolution: loopSampleMs });
  delays.enable();
  return delays;
}

function eventLoopLag(delays: LoopDelays): ProcessMetric {
  return {
    name: 'nodejs_eventloop_lag_max_seconds',
    help: 'The longest that the event loop was held since the last scrape.',
    read: () => {
      const lagSeconds = Math.max(0, delays.max / 1e9 - loopSampleMs / 1e3);
      delays.reset();
      return lagSeconds;
    },
  };
}
