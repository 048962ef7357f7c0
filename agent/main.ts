import { systemClock } from '../runtime/clock.ts';
import { parseConfig, usageExitCode } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';
import { Lifecycle } from '../runtime/lifecycle.ts';
import { createLogger } from '../runtime/logger.ts';
import { startAgent } from './agent.ts';
import { cleanup } from './cleanup.ts';
import { type AgentConfig, agentConfig } from './config.ts';
import { loadLibbpf } from './libbpf/ffi.ts';

/** From SIGTERM to exit, detaching included; Kubernetes kills after 30 s. */
const stopLimitMs = 25_000;

const result = parseConfig(agentConfig, { argv: process.argv.slice(2), env: process.env });
switch (result.type) {
  case 'help':
    process.stdout.write(result.text);
    break;
  case 'faults':
    for (const fault of result.faults) process.stderr.write(`bpf-agent: ${fault}\n`);
    process.stderr.write('bpf-agent: see --help\n');
    process.exitCode = usageExitCode;
    break;
  case 'value':
    process.exitCode = await main(result.value);
}

async function main(config: AgentConfig): Promise<number> {
  const logger = createLogger({ name: 'bpf-agent', level: config.logLevel });
  try {
    const lib = loadLibbpf(config.libbpf);
    if (config.cleanup) {
      cleanup(config, lib, logger);
      return 0;
    }
    const lifecycle = new Lifecycle({ logger, clock: systemClock, stopLimitMs });
    await startAgent({ config, env: process.env, lib, logger, clock: systemClock, lifecycle });
    return await lifecycle.run();
  } catch (thrown) {
    logger.fatal(messageOf(thrown));
    return 1;
  }
}
