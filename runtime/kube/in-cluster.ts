import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { ConnectionError, type KubeConnection, type KubeCredentials } from './connection.ts';

export const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubelet renews the token at 80 % of its life, which is an hour; client-go looks once a minute. */
const rereadMs = 10_000;

export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT as the kubelet sets them. */
  readonly host: string;
  readonly port: string;
  /** Where token, ca.crt and namespace are; `serviceAccountDir` by default. */
  readonly directory?: string;
  readonly clock: Clock;
}

/** The connection of a Pod's service account. Its files change while the Pod runs, so they are read again and again. */
export async function inClusterConnection(options: InClusterOptions): Promise<KubeConnection> {
  const directory = options.directory ?? serviceAccountDir;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  let cached: { readonly credentials: KubeCredentials; readonly readAtMs: number } | undefined;

  const read = async (): Promise<KubeCredentials> => {
    const readAtMs = options.clock.monotonic();
    const [token, ca] = await Promise.all([readText(join(directory, 'token')), readText(join(directory, 'ca.crt'))]);
    cached = { credentials: { token: token.trim(), ca }, readAtMs };
    return cached.credentials;
  };
  await read(); // a Pod without a token is told so at its start
  return {
    server: `https://${host}:${options.port}`,
    namespace: (await readText(join(directory, 'namespace'))).trim(),
    credentials: async ({ renew }) => {
      const fresh = cached !== undefined && options.clock.monotonic() - cached.readAtMs < rereadMs;
      return fresh && !renew ? (cached?.credentials ?? read()) : read();
    },
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const message = `read service account: ${messageOf(error)}`;
    throw new ConnectionError('CredentialsUnavailable', message, { source: file }, error);
  }
}
