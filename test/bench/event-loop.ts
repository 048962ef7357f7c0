import { monitorEventLoopDelay } from 'node:perf_hooks';

/**
 * Loaded into an agent before its main file (`node --import`): at SIGUSR2, says on stderr the longest time that the event
 * loop was held since the last time it was asked.
 */
const resolutionMs = 1;
const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
histogram.enable();
process.on('SIGUSR2', () => {
  // Each sample is the time from one tick of a timer to the next, so what is above the timer's own period was a block.
  const heldMs = Math.max(0, histogram.max / 1e6 - resolutionMs);
  process.stderr.write(`event loop held for ${heldMs.toFixed(1)} ms\n`);
  histogram.reset();
});
