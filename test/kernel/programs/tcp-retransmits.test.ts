import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { eventually } from '../../apiserver/harness/eventually.ts';
import { AgentHome } from '../agent-process.ts';
import { NetnsPair, type Side } from './netns-pair.ts';
import { runProgram, sumOf } from './run-program.ts';

/** Segments are lost here on purpose; how many are sent again, the kernel counts too: RetransSegs of each namespace. */

const port = 7000;
const fiveSegments = Buffer.alloc(5 * 1448); // with 1500 bytes in a packet; the kernel hands them down as one

/** Segments sent again by one side, of those with these labels. */
type Counted = (side: Side, labels?: Readonly<Record<string, string>>) => Promise<number>;

const connect = (pair: NetnsPair): Socket => pair.clientSocket().connect(port, pair.addresses.server);

/** Some segments are lost: those behind them tell. */
async function loseSome(pair: NetnsPair, server: Server, countedAsFast: () => Promise<number>): Promise<void> {
  const client = connect(pair);
  await Promise.all([once(client, 'connect'), once(server, 'connection')]);
  client.setNoDelay(true);
  await eventually('a loss that was noticed before a timer ran out', async () => {
    const before = pair.retransmitted('client');
    pair.cut('client');
    client.write(fiveSegments);
    pair.mend('client'); // had this taken 200 ms, a probe would have come first
    for (let i = 0; i < 5; i++) client.write('arrives');
    await eventually('all of it to be sent again', () => pair.retransmitted('client') >= before + 5);
    return (await countedAsFast()) > 0;
  });
}

/** Nothing comes through any more. */
async function loseAll(pair: NetnsPair, server: Server): Promise<void> {
  const client = connect(pair);
  await Promise.all([once(client, 'connect'), once(server, 'connection')]);
  pair.cut('client');
  client.write('lost');
  await expect(once(client, 'end')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  pair.mend('client');
}

async function expectNoConnection(pair: NetnsPair): Promise<void> {
  await expect(once(connect(pair), 'connect')).rejects.toMatchObject({ code: 'ETIMEDOUT' });
}

test.each([
  ['tp_btf', 0],
  ['raw_tp', 1],
])(
  'with %s all that is sent again is counted, by its cause',
  async (_, twin) => {
    using pair = new NetnsPair();
    pair.setting('client', 'tcp_retries2', 2);
    pair.setting('client', 'tcp_syn_retries', 1);
    pair.setting('server', 'tcp_synack_retries', 1);
    await using home = new AgentHome();
    const agent = await runProgram(home, 'tcp-retransmits', { twin, globals: { by_remote: true } });
    const counted: Counted = (side, labels = {}) => {
      const remote = pair.addresses[side === 'client' ? 'server' : 'client'];
      return sumOf(agent, 'bpf_tcp_retransmitted_segments_total', { family: 'ipv4', remote, ...labels });
    };
    const server = await pair.listen(port);

    await loseSome(pair, server, () => counted('client', { cause: 'fast', state: 'established' }));
    await loseAll(pair, server);
    expect(await counted('client', { cause: 'probe', state: 'established' })).toBeGreaterThan(0);
    expect(await counted('client', { cause: 'timeout', state: 'established' })).toBeGreaterThan(0);
    expect(await counted('client')).toBe(pair.retransmitted('client'));

    // No SYN arrives.
    const before = pair.retransmitted('client');
    pair.cut('client');
    await Promise.all([expectNoConnection(pair), expectNoConnection(pair), expectNoConnection(pair)]);
    const again = pair.retransmitted('client') - before;
    expect(again).toBeGreaterThanOrEqual(3);
    expect(await counted('client', { cause: 'handshake', state: 'syn_sent' })).toBe(again);

    // SYNs arrive, their answers do not.
    pair.mend('client');
    pair.cut('server');
    await expectNoConnection(pair);
    const synAcks = { cause: 'handshake', state: 'syn_recv' };
    expect(pair.retransmitted('server')).toBeGreaterThan(0);
    await eventually('all of them', async () => (await counted('server', synAcks)) === pair.retransmitted('server'));
  },
  60_000,
);

test('addresses make no series unless they are asked for', async () => {
  using pair = new NetnsPair();
  await using home = new AgentHome();
  const agent = await runProgram(home, 'tcp-retransmits');
  await loseSome(pair, await pair.listen(port), () =>
    sumOf(agent, 'bpf_tcp_retransmitted_segments_total', { cause: 'fast', state: 'established' }),
  );

  expect(await sumOf(agent, 'bpf_tcp_retransmitted_segments_total')).toBeGreaterThanOrEqual(
    pair.retransmitted('client'),
  );
  expect(await agent.metrics('?bpf=default/tcp-retransmits')).not.toMatch(/remote="[^"]/);
});
