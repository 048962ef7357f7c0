import { parseArgs } from 'node:util';
import { benchApplies } from './applies.ts';

const usage = `usage: node test/bench/run.ts [--applies N]

Measures, on this machine, how long it takes from \`kubectl apply\` to Ready and to the first series, and prints a table.
  --applies N   how many applies (default 10)
`;

const { values } = parseArgs({ options: { applies: { type: 'string', default: '10' }, help: { type: 'boolean' } } });
const applies = Number(values.applies);
if (values.help || !Number.isInteger(applies) || applies < 1) {
  process.stderr.write(usage);
  process.exitCode = values.help ? 0 : 64;
} else {
  process.stdout.write(await benchApplies(applies, (line) => process.stderr.write(`${line}\n`)));
}
