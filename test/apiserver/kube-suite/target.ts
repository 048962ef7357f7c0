import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeConnection } from '../../../runtime/kube/connection.ts';
import { FaultyServer } from '../../fakes/faulty-server.ts';
import { makeCertificates } from '../harness/certificates.ts';

/** An API server as the suite wants it: one door that fails when told to, and one that does not. */
export interface KubeTarget extends AsyncDisposable {
  readonly faulty: FaultyServer;
  /** To the faulty door, as an anonymous client, or with this token. */
  connection(token?: () => string): KubeConnection;
  /** Past the faults: what other clients do meanwhile. */
  readonly direct: KubeConnection;
}

/** The two doors to one API. The certificates are made by openssl and are gone with the target. */
export async function openTarget(handler: RequestListener, direct?: KubeConnection): Promise<KubeTarget> {
  const folder = await mkdtemp(join(tmpdir(), 'kube-bpf-suite-'));
  const files = await makeCertificates(folder);
  const [ca, cert, key] = [files.caFile, files.serverCertFile, files.serverKeyFile].map((file) =>
    readFileSync(file, 'utf8'),
  );
  if (ca === undefined || cert === undefined || key === undefined) throw new Error('no certificates');
  await rm(folder, { recursive: true });
  const faulty = new FaultyServer({ key, cert, handler });
  const plain = new FaultyServer({ key, cert, handler });
  await Promise.all([faulty.start(), plain.start()]);
  return {
    faulty,
    connection: (token) => connectionTo(() => faulty.url, ca, token),
    direct: direct ?? connectionTo(() => plain.url, ca),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([faulty.kill(), plain.kill()]);
    },
  };
}

/** `token` is what is on disk; it is read again only on `renew`, as if the interval were long. */
function connectionTo(url: () => string, ca: string, token?: () => string): KubeConnection {
  let cached = token?.();
  return {
    server: url(),
    namespace: 'default',
    credentials: async ({ renew }) => {
      if (renew) cached = token?.();
      return { ca, ...(cached === undefined ? {} : { token: cached }) };
    },
  };
}
