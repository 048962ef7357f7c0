import type { RequestOptions } from 'node:https';
import type { Cluster, KubeConfig, User } from '@kubernetes/client-node';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import { ConnectionError, type KubeConnection, type KubeCredentials } from './connection.ts';

export interface KubeconfigOptions {
  /** Path; that $KUBECONFIG may name it is main's business. */
  readonly file: string;
  /** Name of a context; the file's current one by default. */
  readonly context?: string;
  readonly clock: Clock;
}

/** How long what client-node worked out (files read, plugin run) is used before it is asked again. */
const reuseMs = 60_000;

/** The connection of a kubeconfig, exec plugins included. Loads client-node, and only here: it costs 40 to 80 MB. */
export async function kubeconfigConnection(options: KubeconfigOptions): Promise<KubeConnection> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    try {
      config.loadFromFile(options.file);
    } catch (error) {
      throw invalid(options.file, messageOf(error), error);
    }
    if (options.context !== undefined) config.setCurrentContext(options.context);
    return config;
  };

  let config = load();
  let cached: { readonly credentials: KubeCredentials; readonly readAtMs: number } | undefined;
  const { cluster, user } = currentOf(config, options.file);
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace;
  return {
    server: cluster.server.replace(/\/+$/, ''),
    ...(namespace === undefined ? {} : { namespace }),
    ...(cluster.tlsServerName === undefined ? {} : { tlsServerName: cluster.tlsServerName }),
    ...(cluster.skipTLSVerify ? { insecureSkipTlsVerify: true } : {}),
    credentials: async ({ renew }) => {
      const nowMs = options.clock.monotonic();
      if (!renew && cached !== undefined && nowMs - cached.readAtMs < reuseMs) return cached.credentials;
      if (renew) config = load(); // a new KubeConfig has no token of a plugin cached
      cached = { credentials: await credentialsOf(config, `${options.file} (user ${user.name})`), readAtMs: nowMs };
      return cached.credentials;
    },
  };
}

/** What the context names; refuses what this client would otherwise leave out silently. */
function currentOf(config: KubeConfig, file: string): { cluster: Cluster; user: User } {
  const context = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  const user = config.getCurrentUser();
  if (cluster === null) throw invalid(file, `context ${JSON.stringify(context)} names no cluster`);
  if (user === null) throw invalid(file, `context ${JSON.stringify(context)} names no user`);
  if (cluster.proxyUrl !== undefined) throw invalid(file, `cluster ${cluster.name}: proxy-url is not supported`);
  if (user.impersonateUser !== undefined) throw invalid(file, `user ${user.name}: impersonation is not supported`);
  return { cluster, user };
}

async function credentialsOf(config: KubeConfig, source: string): Promise<KubeCredentials> {
  const applied: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(applied);
  } catch (error) {
    const message = `read credentials of ${source}: ${messageOf(error)}`;
    throw new ConnectionError('CredentialsUnavailable', message, { source }, error);
  }
  const authorization = new Headers(applied.headers as Record<string, string> | undefined).get('authorization');
  const token = authorization?.replace(/^Bearer /, '');
  return {
    ...(token === undefined ? {} : { token }),
    ...textOf('ca', applied.ca),
    ...textOf('clientCert', applied.cert),
    ...textOf('clientKey', applied.key),
  };
}

/** client-node gives PEM as Buffer (from data) or string (from an exec plugin). */
function textOf<Key extends string>(key: Key, pem: unknown): { [K in Key]?: string } {
  if (typeof pem === 'string' || Buffer.isBuffer(pem)) return { [key]: pem.toString() } as { [K in Key]?: string };
  return {};
}

function invalid(file: string, what: string, cause?: unknown): ConnectionError {
  return new ConnectionError('KubeconfigInvalid', `read kubeconfig ${file}: ${what}`, { source: file }, cause);
}
