import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { KubeConnection, KubeCredentials } from './connection.ts';

/** kube-apiserver closes idle connections after 90 s; going first avoids writing into a connection that is closing. */
const idleSocketMs = 60_000;
/** Idle time before TCP asks whether the peer is still there; libuv then asks ten times, a second apart. */
const keepAliveProbeMs = 30_000;

/**
 * The sockets to one API server: one keep-alive agent, replaced when the TLS material changes (a renewed client
 * certificate, a new CA). What runs on the old one ends there; its sockets close as they become idle.
 */
export class SocketPool {
  readonly #connection: KubeConnection;
  readonly #maxConnections: number;
  readonly #retired = new Set<HttpAgent>();
  #current: { readonly agent: HttpAgent; readonly material: string } | undefined;

  constructor(connection: KubeConnection, maxConnections: number) {
    this.#connection = connection;
    this.#maxConnections = maxConnections;
  }

  agentFor(credentials: KubeCredentials): HttpAgent {
    const material = [credentials.ca, credentials.clientCert, credentials.clientKey].join('\0');
    if (this.#current?.material === material) return this.#current.agent;
    if (this.#current !== undefined) this.#retire(this.#current.agent);
    const agent = this.#createAgent(credentials);
    this.#current = { agent, material };
    return agent;
  }

  /** Sockets that are open or being opened. */
  get size(): number {
    const agents = this.#current === undefined ? [] : [this.#current.agent];
    return [...agents, ...this.#retired].reduce((sum, agent) => sum + socketsOf(agent), 0);
  }

  /** Closes every socket, in use or not. */
  close(): void {
    this.#current?.agent.destroy();
    for (const agent of this.#retired) agent.destroy();
    this.#retired.clear();
    this.#current = undefined;
  }

  #createAgent(credentials: KubeCredentials): HttpAgent {
    const limits = {
      keepAlive: true,
      keepAliveMsecs: keepAliveProbeMs,
      maxSockets: this.#maxConnections, // of one origin, and there is only one
      maxFreeSockets: this.#maxConnections,
      timeout: idleSocketMs,
      scheduling: 'lifo' as const,
    };
    if (this.#connection.server.startsWith('http:')) return new HttpAgent(limits);
    const { tlsServerName, insecureSkipTlsVerify } = this.#connection;
    return new HttpsAgent({
      ...limits,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: insecureSkipTlsVerify !== true,
      ...(tlsServerName === undefined ? {} : { servername: tlsServerName }),
      ...(credentials.ca === undefined ? {} : { ca: credentials.ca }),
      ...(credentials.clientCert === undefined ? {} : { cert: credentials.clientCert }),
      ...(credentials.clientKey === undefined ? {} : { key: credentials.clientKey }),
    });
  }

  #retire(agent: HttpAgent): void {
    for (const drained of this.#retired) if (socketsOf(drained) === 0) this.#retired.delete(drained);
    agent.maxFreeSockets = 0; // a socket that becomes idle from now on is closed instead of kept
    for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    this.#retired.add(agent);
  }
}

function socketsOf(agent: HttpAgent): number {
  const lists = [...Object.values(agent.sockets), ...Object.values(agent.freeSockets)];
  return lists.reduce((sum, sockets) => sum + (sockets?.length ?? 0), 0);
}
