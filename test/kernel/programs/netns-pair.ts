import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server, Socket } from 'node:net';
import koffi from 'koffi';

export type Side = 'client' | 'server';
const sides: readonly Side[] = ['client', 'server'];

const libc = koffi.load('libc.so.6');
const setns = libc.func('int setns(int fd, int nstype)');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, void *addr, int addrlen)');
const CLONE_NEWNET = 0x40000000;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const other = (side: Side): Side => (side === 'client' ? 'server' : 'client');

function enter(namespace: number): void {
  if (setns(namespace, CLONE_NEWNET) !== 0) throw new Error('setns: not into this network namespace');
}

/**
 * Two network namespaces and a cable between them, with nothing else on it. Each direction can be cut: packets then go to
 * a hardware address that nobody has.
 */
export class NetnsPair implements Disposable {
  readonly addresses = { client: '198.51.100.1', server: '198.51.100.2' } as const;
  readonly #names = { client: `kube-bpf-c${process.pid}`, server: `kube-bpf-s${process.pid}` } as const;
  readonly #macs = { client: '02:00:00:00:00:0c', server: '02:00:00:00:00:05' } as const;
  readonly #sockets: Socket[] = [];
  readonly #servers: Server[] = [];
  readonly #nobody = '02:00:00:00:00:ff';

  constructor() {
    for (const side of sides) ip('netns', 'add', this.#names[side]);
    const end = (side: Side) => ['name', 'cable', 'address', this.#macs[side], 'netns', this.#names[side]];
    ip('link', 'add', ...end('client'), 'type', 'veth', 'peer', ...end('server'));
    for (const side of sides) {
      ip('-n', this.#names[side], 'address', 'add', `${this.addresses[side]}/24`, 'dev', 'cable');
      ip('-n', this.#names[side], 'link', 'set', 'cable', 'up');
      this.mend(side);
    }
  }

  /** What this side sends no longer arrives. */
  cut(side: Side): void {
    this.#sendTo(side, this.#nobody);
  }

  mend(side: Side): void {
    this.#sendTo(side, this.#macs[other(side)]);
  }

  /** Sets /proc/sys/net/ipv4/NAME of this side. */
  setting(side: Side, name: string, value: number): void {
    this.#inside(side, () => writeFileSync(`/proc/sys/net/ipv4/${name}`, String(value)));
  }

  /** TCP segments that this side sent again, by the kernel's own count. */
  retransmitted(side: Side): number {
    const [names, values] = this.#inside(side, () => readFileSync('/proc/thread-self/net/snmp', 'utf8'))
      .split('\n')
      .filter((line) => line.startsWith('Tcp:'))
      .map((line) => line.split(' '));
    return Number(values?.[names?.indexOf('RetransSegs') ?? -1]);
  }

  /** A socket of the client's, not connected yet. */
  clientSocket(): Socket {
    const made = new Socket({ fd: this.#inside('client', () => socket(AF_INET, SOCK_STREAM, 0) as number) });
    this.#sockets.push(made);
    return made;
  }

  /** A dual-stack listener of the server's, that reads and forgets. */
  async listen(port: number): Promise<Server> {
    const fd = this.#inside('server', () => socket(AF_INET6, SOCK_STREAM, 0) as number);
    const anyAddress = new Uint8Array(28); // struct sockaddr_in6
    anyAddress[0] = AF_INET6;
    new DataView(anyAddress.buffer).setUint16(2, port);
    if (bind(fd, anyAddress, anyAddress.length) !== 0) throw new Error(`bind to port ${port}`);
    const server = createServer((accepted) => {
      this.#sockets.push(accepted);
      accepted.on('error', () => undefined).resume();
    });
    this.#servers.push(server);
    server.listen({ fd });
    await once(server, 'listening');
    return server;
  }

  [Symbol.dispose](): void {
    // By RST: a FIN that is lost would be sent again, long after the namespaces have no names any more.
    for (const each of this.#sockets) if (!each.destroyed) each.resetAndDestroy();
    for (const server of this.#servers) server.close();
    for (const side of sides) ip('netns', 'delete', this.#names[side]);
  }

  #sendTo(side: Side, mac: string): void {
    const peer = this.addresses[other(side)];
    ip('-n', this.#names[side], 'neighbour', 'replace', peer, 'lladdr', mac, 'dev', 'cable', 'nud', 'permanent');
  }

  /** A namespace is a thread's, and a socket belongs to that of the thread which made it: `work` must not wait. */
  #inside<T>(side: Side, work: () => T): T {
    const home = openSync('/proc/thread-self/ns/net', 'r');
    const there = openSync(`/run/netns/${this.#names[side]}`, 'r');
    try {
      enter(there);
      return work();
    } finally {
      enter(home);
      closeSync(there);
      closeSync(home);
    }
  }
}
