import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inClusterConnection } from '../../../../runtime/kube/in-cluster.ts';
import { kubeconfigConnection } from '../../../../runtime/kube/kubeconfig.ts';
import { ManualClock } from '../../../fakes/manual-clock.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kube-bpf-connection-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('in a Pod', () => {
  const put = (name: string, text: string) => writeFile(join(folder, name), text);
  const files = async () => {
    await Promise.all([put('token', 'one\n'), put('ca.crt', 'CA 1'), put('namespace', 'bpf-system\n')]);
  };

  test('token and CA are read again after 10 s, and at once when they did not work', async () => {
    await files();
    const clock = new ManualClock();
    const connection = await inClusterConnection({ host: '10.0.0.1', port: '443', directory: folder, clock });
    expect(connection).toMatchObject({ server: 'https://10.0.0.1:443', namespace: 'bpf-system' });
    expect(await connection.credentials({ renew: false })).toEqual({ token: 'one', ca: 'CA 1' });
    await Promise.all([put('token', 'two'), put('ca.crt', 'CA 2')]);
    await clock.advance(9_999);
    expect((await connection.credentials({ renew: false })).token).toBe('one');
    await clock.advance(1);
    expect(await connection.credentials({ renew: false })).toEqual({ token: 'two', ca: 'CA 2' });
    await put('token', 'three');
    expect((await connection.credentials({ renew: true })).token).toBe('three');
  });

  test('an IPv6 service address has its brackets', async () => {
    await files();
    const connection = await inClusterConnection({
      host: 'fd00::1',
      port: '443',
      directory: folder,
      clock: new ManualClock(),
    });
    expect(connection.server).toBe('https://[fd00::1]:443');
  });

  test('a file that is not there is named', async () => {
    await put('token', 'one');
    const connecting = inClusterConnection({ host: 'h', port: '1', directory: folder, clock: new ManualClock() });
    await expect(connecting).rejects.toMatchObject({
      code: 'CredentialsUnavailable',
      facts: { source: join(folder, 'ca.crt') },
    });
  });
});

describe('with a kubeconfig', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const write = async (user: object, cluster: object = {}, context: object = {}) => {
    const file = join(folder, 'config');
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        { name: 'c', cluster: { server: 'https://h:6443/', 'certificate-authority-data': base64('CA'), ...cluster } },
      ],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', ...context } }],
      'current-context': 'x',
    };
    await writeFile(file, JSON.stringify(config));
    return file;
  };
  const connect = (file: string) => kubeconfigConnection({ file, clock: new ManualClock() });

  test('a token', async () => {
    const connection = await connect(await write({ token: 't' }, { 'tls-server-name': 'n' }, { namespace: 'ns' }));
    expect(connection).toMatchObject({ server: 'https://h:6443', namespace: 'ns', tlsServerName: 'n' });
    expect(await connection.credentials({ renew: false })).toEqual({ token: 't', ca: 'CA' });
  });

  test('client certificates, as data', async () => {
    const user = { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') };
    const connection = await connect(await write(user));
    expect(await connection.credentials({ renew: false })).toEqual({ ca: 'CA', clientCert: 'CERT', clientKey: 'KEY' });
  });

  test('an exec plugin runs once, and again when its token did not work', async () => {
    const plugin = join(folder, 'plugin.sh');
    const calls = join(folder, 'calls');
    await writeFile(
      plugin,
      `#!/bin/sh
echo x >> ${calls}
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-%s"}}' "$(wc -l < ${calls})"
`,
    );
    await chmod(plugin, 0o755);
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
    const connection = await connect(await write({ exec }));
    expect((await connection.credentials({ renew: false })).token).toBe('token-1');
    expect((await connection.credentials({ renew: false })).token).toBe('token-1');
    expect((await connection.credentials({ renew: true })).token).toBe('token-2');
    expect((await readFile(calls, 'utf8')).trim().split('\n')).toHaveLength(2);
  });

  test('an exec plugin that fails says which file and user', async () => {
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: join(folder, 'none'),
      interactiveMode: 'Never',
    };
    const file = await write({ exec });
    const connection = await connect(file);
    await expect(connection.credentials({ renew: false })).rejects.toMatchObject({
      code: 'CredentialsUnavailable',
      facts: { source: `${file} (user u)` },
    });
  });

  test.each([
    ['a proxy', { token: 't' }, { 'proxy-url': 'http://p' }, {}, 'cluster c: proxy-url is not supported'],
    ['impersonation', { token: 't', as: 'somebody' }, {}, {}, 'user u: impersonation is not supported'],
    ['a context without cluster', { token: 't' }, {}, { cluster: 'none' }, 'context "x" names no cluster'],
  ])('%s is refused, not left out', async (_, user, cluster, context, why) => {
    const file = await write(user, cluster, context);
    await expect(connect(file)).rejects.toThrow(`read kubeconfig ${file}: ${why}`);
  });

  test('no file', async () => {
    await expect(connect(join(folder, 'none'))).rejects.toMatchObject({ code: 'KubeconfigInvalid' });
  });
});
