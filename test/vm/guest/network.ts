import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import koffi from 'koffi';
import { eventually } from '../../apiserver/harness/eventually.ts';

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, void *address, int length)');
const listen = libc.func('int listen(int fd, int backlog)');
const connectTo = libc.func('int connect(int fd, void *address, int length)');
const close = libc.func('int close(int fd)');

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const loopback = [127, 0, 0, 1];
/** Below the ports that the kernel gives by itself. */
const quietPort = 9999;

/** Connections one after the other: one side sends so many bytes, the other reads them, both close. */
export async function connectAndSend(connections: number, bytes: number): Promise<void> {
  const server = createServer({ allowHalfOpen: false }, (connection) => connection.resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (let i = 0; i < connections; i++) {
    const client = connect(port, '127.0.0.1').resume();
    client.end(Buffer.alloc(bytes));
    await once(client, 'close');
  }
  server.close();
  await once(server, 'close');
}

/** Datagrams to a port that nobody listens on. */
export async function sendToNobody(datagrams: number): Promise<void> {
  const sender = createSocket('udp4');
  for (let i = 0; i < datagrams; i++) {
    await new Promise<void>((resolve, reject) =>
      sender.send('x', quietPort, '127.0.0.1', (error) => (error ? reject(error) : resolve())),
    );
  }
  sender.close();
  await once(sender, 'close');
}

/**
 * Connections to somebody who accepts none: where one waits already the kernel drops the SYN of the next, which is sent
 * again after a second. Until the kernel itself has counted that.
 */
export async function fillAcceptQueue(): Promise<void> {
  const address = Uint8Array.of(AF_INET, 0, quietPort >> 8, quietPort & 0xff, ...loopback, 0, 0, 0, 0, 0, 0, 0, 0);
  const before = retransmitted();
  const listener = socket(AF_INET, SOCK_STREAM, 0) as number;
  if (bind(listener, address, address.length) !== 0 || listen(listener, 0) !== 0) throw new Error('listen');
  const clients = Array.from({ length: 3 }, () => socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) as number);
  for (const client of clients) connectTo(client, address, address.length);
  await eventually('a segment to be sent again', () => retransmitted() > before);
  for (const fd of [...clients, listener]) close(fd);
}

/** Of all TCP connections, since the start (RFC 1213, tcpRetransSegs). */
function retransmitted(): number {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  return Number(values?.[names?.indexOf('RetransSegs') ?? -1]);
}
