import { parseArgs } from 'node:util';
import { benchApplies } from './applies.ts';
import { benchChurn } from './churn.ts';
import { churnTable } from './churn-table.ts';
import { compareExamples } from './examples.ts';
import { examplesTable } from './examples-table.ts';
import { benchMemory } from './memory.ts';
import { memoryTable } from './memory-table.ts';
import { benchScrape } from './scrape.ts';
import { scrapeTable } from './scrape-table.ts';

const usage = `usage: node test/bench/run.ts [--only scrape|churn|memory|applies|examples] [--quick] [--shape TEXT] [--applies N] [--profile DIR]

Measures on this machine, as root, and prints a table for each:
  scrape    a scrape of maps of 100 to 100,000 entries, beside a C program and ebpf_exporter that read the same map
  churn     what scrapes of a hash get wrong while a million keys a second come and go in it
  memory    the agent's memory, idle and per series, and the longest block of its event loop
  applies   from \`kubectl apply\` to Ready and to the first series
  examples  the series of ebpf_exporter's own examples, in the agent and in itself (only by its name)
  --only NAME     one of them (default: all but examples)
  --quick         scrape, churn: a few rounds of the small maps without ebpf_exporter: only that it works
  --shape TEXT    scrape: only maps whose row's name has this in it
  --profile DIR   scrape: writes the agents' CPU profiles there
  --applies N     how many applies (default 10)
`;

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    shape: { type: 'string', default: '' },
    profile: { type: 'string' },
    applies: { type: 'string', default: '10' },
    help: { type: 'boolean' },
  },
});
const applies = Number(values.applies);
const progress = (line: string): void => void process.stderr.write(`${line}\n`);

const benches: Readonly<Record<string, () => Promise<string>>> = {
  scrape: async () => {
    const { quick, shape: titled, profile: profileFolder } = values;
    return scrapeTable(await benchScrape({ quick, titled, profileFolder }, progress));
  },
  churn: async () => churnTable(await benchChurn(values.quick, progress)),
  memory: async () => memoryTable(await benchMemory(progress)),
  applies: () => benchApplies(applies, progress),
  examples: async () => examplesTable(await compareExamples(progress)),
};

const measured = Object.keys(benches).filter((name) => name !== 'examples');
const wanted = values.only === undefined ? measured : [values.only];
if (values.help || !Number.isInteger(applies) || applies < 1 || wanted.some((name) => !(name in benches))) {
  process.stderr.write(usage);
  process.exitCode = values.help ? 0 : 64;
} else {
  for (const name of wanted) process.stdout.write((await benches[name]?.()) ?? '');
}
