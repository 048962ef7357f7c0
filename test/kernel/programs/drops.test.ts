import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import koffi from 'koffi';
import { eventually } from '../../apiserver/harness/eventually.ts';
import { AgentHome } from '../agent-process.ts';
import { runProgram, sumOf } from './run-program.ts';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const sendto = libc.func('long sendto(int fd, void *buf, size_t len, int flags, void *addr, int addrlen)');
const close = libc.func('int close(int fd)');

const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_RAW = 255; // whose packets bring their own IP header
/** For experiments (RFC 3692): nobody receives it, and nobody else here sends it. */
const experimental = 253;

/** Sends IPv4 packets of a protocol that nothing handles to 127.0.0.1, where they end. */
function sendUnknown(packets: number): void {
  const loopback = [127, 0, 0, 1];
  const packet = Uint8Array.of(0x45, 0, 0, 20, 0, 0, 0, 0, 64, experimental, 0, 0, ...loopback, ...loopback);
  const address = Uint8Array.of(AF_INET, 0, 0, 0, ...loopback, 0, 0, 0, 0, 0, 0, 0, 0);
  const fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW) as number;
  for (let i = 0; i < packets; i++) {
    const sent = sendto(fd, packet, packet.length, 0, address, address.length) as number;
    if (sent !== packet.length) throw new Error(`sendto: ${sent}`);
  }
  close(fd);
}

/** Sends datagrams to a port of ::1; resolves when the kernel has taken them all. */
async function sendDatagrams(port: number, packets: number): Promise<void> {
  const sender = createSocket('udp6');
  for (let i = 0; i < packets; i++) {
    await new Promise<void>((resolve, reject) =>
      sender.send('x', port, '::1', (error) => (error ? reject(error) : resolve())),
    );
  }
  sender.close();
  await once(sender, 'close');
}

describe.each([
  ['tp_btf', 0],
  ['raw_tp', 1],
])('with %s', (_, twin) => {
  test('drops are counted by reason and protocol, and what arrives is none', async () => {
    await using home = new AgentHome();
    const agent = await runProgram(home, 'drops', { twin });
    const drops = (labels: Readonly<Record<string, string>>) => sumOf(agent, 'bpf_packet_drops_total', labels);
    const udp6 = { family: 'ipv6', protocol: 'udp' };
    const before = await drops(udp6);

    sendUnknown(7);
    const receiver = createSocket('udp6');
    receiver.bind(0, '::1');
    await once(receiver, 'listening');
    const { port } = receiver.address();
    let received = 0;
    receiver.on('message', () => received++);
    await sendDatagrams(port, 20); // these arrive
    await eventually('all to be read', () => received === 20); // what a closed socket still holds is dropped
    receiver.close();
    await once(receiver, 'close');
    await sendDatagrams(port, 5); // these do not

    const unknown = { family: 'ipv4', protocol: String(experimental), location: '' };
    expect(await drops(unknown)).toBe(7);
    expect(await drops({ ...unknown, reason: 'IP_NOPROTO' })).toBe(7);
    const lost = { ...udp6, reason: 'NO_SOCKET' };
    expect({ all: (await drops(udp6)) - before, lost: await drops(lost) }).toEqual({ all: 5, lost: 5 });
    expect(await sumOf(agent, 'bpf_packet_drops_uncounted_total')).toBe(0);
  });

  test('by_location says which function of the kernel dropped it', async () => {
    await using home = new AgentHome();
    const agent = await runProgram(home, 'drops', { twin, globals: { by_location: true } });

    sendUnknown(3);

    // Which function exactly is the compiler's choice: one whose last act is the drop shows as its caller.
    const lines = (await agent.metrics()).split('\n').filter((line) => line.includes(`protocol="${experimental}"`));
    expect(lines).toEqual([expect.stringMatching(/location="ip_\w+",.* 3$/)]);
  });
});

test('what the map has no room for is counted as such', async () => {
  await using home = new AgentHome();
  const agent = await runProgram(home, 'drops', { maps: [{ name: 'drops', maxEntries: 1 }] });
  const all = async () =>
    (await sumOf(agent, 'bpf_packet_drops_total')) + (await sumOf(agent, 'bpf_packet_drops_uncounted_total'));
  const before = await all();

  sendUnknown(3);
  await sendDatagrams(9, 5); // nobody listens there

  expect((await all()) - before).toBeGreaterThanOrEqual(8);
  expect(await sumOf(agent, 'bpf_packet_drops_uncounted_total')).toBeGreaterThanOrEqual(3);
});
