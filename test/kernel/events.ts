import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import koffi from 'koffi';

const getpgid = koffi.load('libc.so.6').func('int getpgid(int pid)');

/** Calls getpgid(2) so many times, from this process, about itself as 0 or by its number. */
export function callGetpgid(times: number, about = 0): void {
  for (let i = 0; i < times; i++) getpgid(about);
}

/** A UDP socket on loopback and a sender for it: each packet goes out once and comes in once. */
export class UdpFlow implements AsyncDisposable {
  readonly port: number;
  sent = 0;
  readonly #receiver;
  readonly #sender;
  readonly #stop = new AbortController();
  #flowing: Promise<void> | undefined;

  private constructor(receiver: ReturnType<typeof createSocket>, sender: ReturnType<typeof createSocket>) {
    this.#receiver = receiver;
    this.#sender = sender;
    this.port = receiver.address().port;
  }

  static async open(): Promise<UdpFlow> {
    const receiver = createSocket('udp4');
    receiver.bind(0, '127.0.0.1');
    await once(receiver, 'listening');
    return new UdpFlow(receiver, createSocket('udp4'));
  }

  /** Sends `packets`; resolves when the kernel has taken them all, which on loopback is when they were delivered. */
  async send(packets: number): Promise<void> {
    for (let i = 0; i < packets; i++) {
      await new Promise<void>((resolve, reject) => {
        this.#sender.send('x', this.port, '127.0.0.1', (error) => (error ? reject(error) : resolve()));
      });
      this.sent++;
    }
  }

  /** Sends without end, until `stop`. */
  start(): void {
    this.#flowing = (async () => {
      while (!this.#stop.signal.aborted) {
        await this.send(10);
        await nextTurn(); // a send that ends at once never leaves the turn
      }
    })();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#flowing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#sender.close();
    this.#receiver.close();
  }
}
