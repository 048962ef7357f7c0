import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../apiserver/harness/eventually.ts';
import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { runProgram, sumOf } from './run-program.ts';

const connections = 5;
const lifeMs = 300;
const request = Buffer.alloc(5000);
const response = Buffer.alloc(100);

/** Connections of the test's own, each for `lifeMs` at least; how long all of it took. */
async function live(server: Server): Promise<number> {
  const { port } = server.address() as AddressInfo;
  const start = performance.now();
  const clients: Socket[] = [];
  for (let i = 0; i < connections; i++) {
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    client.write(request);
    await once(client, 'data');
    clients.push(client);
  }
  await delay(lifeMs); // what is measured
  for (const client of clients) client.end();
  await Promise.all(clients.map((client) => once(client, 'close')));
  return performance.now() - start;
}

/** Answers each request once it has come in whole. */
function answer(connection: Socket): void {
  let left = request.length;
  connection.on('data', (chunk) => {
    left -= chunk.length;
    if (left === 0) connection.write(response);
  });
}

/** What the program has counted for one role. */
async function seen(agent: RunningAgent, role: string) {
  const sum = (metric: string, labels = {}) => sumOf(agent, `bpf_tcp_connection_${metric}`, { role, ...labels });
  return {
    connections: await sum('duration_seconds_count'),
    seconds: await sum('duration_seconds_sum'),
    short: await sum('duration_seconds_bucket', { le: '0.262143' }),
    sent: await sum('sent_bytes_sum'),
    received: await sum('received_bytes_sum'),
    sentUpTo4KiB: await sum('sent_bytes_bucket', { le: '4095' }),
    sentUpTo16KiB: await sum('sent_bytes_bucket', { le: '16383' }),
  };
}
type Seen = Awaited<ReturnType<typeof seen>>;
const grown = (before: Seen, after: Seen): Seen =>
  Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Seen]])) as Seen;

test.each([
  ['tp_btf', 0],
  ['raw_tp', 1],
])(
  'with %s connections are counted with their lives and their bytes',
  async (_, twin) => {
    await using home = new AgentHome();
    const agent = await runProgram(home, 'tcp-lifetimes', { twin });
    const server = createServer(answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');

    // The machine has connections of its own: only a moment without any is ours alone.
    await eventually(
      'a moment without other connections',
      async () => {
        const before = { active: await seen(agent, 'active'), passive: await seen(agent, 'passive') };
        const tookMs = await live(server);
        const active = grown(before.active, await seen(agent, 'active'));
        const passive = grown(before.passive, await seen(agent, 'passive'));
        if (active.connections > connections || passive.connections > connections) return false;

        for (const { seconds } of [active, passive]) {
          expect(seconds).toBeGreaterThan((connections * lifeMs) / 1000);
          expect(seconds).toBeLessThan((connections * tookMs) / 1000);
        }
        const same = { connections, short: 0, sentUpTo16KiB: connections };
        const toServer = connections * request.length;
        const toClient = connections * response.length;
        const { seconds: _active, ...client } = active;
        const { seconds: _passive, ...accepted } = passive;
        expect(client).toEqual({ ...same, sent: toServer, received: toClient, sentUpTo4KiB: 0 });
        expect(accepted).toEqual({ ...same, sent: toClient, received: toServer, sentUpTo4KiB: connections });
        return true;
      },
      { deadlineMs: 15_000 },
    );
    server.close();
  },
  30_000,
);

test('connections that are older than the program are counted apart', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: connections }, () => connect(port, '127.0.0.1'));
  await Promise.all(clients.map((client) => once(client, 'connect')));
  await using home = new AgentHome();
  const agent = await runProgram(home, 'tcp-lifetimes');
  const unseen = () => sumOf(agent, 'bpf_tcp_connections_unseen_total');
  const before = await unseen();

  for (const client of clients) client.end();
  await Promise.all(clients.map((client) => once(client, 'close')));

  expect((await unseen()) - before).toBeGreaterThanOrEqual(2 * connections); // both ends
  server.close();
});
