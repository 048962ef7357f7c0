import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from './run.ts';

/** Files of a control plane's own certificate authority; every certificate is good for a day. */
export interface Certificates {
  readonly caFile: string;
  readonly serverCertFile: string;
  readonly serverKeyFile: string;
  readonly serviceAccountKeyFile: string;
  readonly adminCertFile: string;
  readonly adminKeyFile: string;
  /** A client certificate for any user and groups. */
  issueClient(user: string, groups: readonly string[]): Promise<{ certFile: string; keyFile: string }>;
}

export async function makeCertificates(folder: string): Promise<Certificates> {
  const file = (name: string) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await mustRun('openssl', [
    ...['req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=kube-bpf-test-ca'],
    ...['-addext', 'keyUsage=critical,keyCertSign,digitalSignature'],
    ...['-keyout', file('ca.key'), '-out', file('ca.crt')],
  ]);

  const issue = async (name: string, subject: string, serial: number, extensions: readonly string[]) => {
    await writeFile(file(`${name}.ext`), ['keyUsage=critical,digitalSignature', ...extensions].join('\n'));
    await mustRun('openssl', [
      'req',
      '-new',
      ...newKey,
      '-subj',
      subject,
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
    ]);
    await mustRun('openssl', [
      ...['x509', '-req', '-days', '1', '-in', file(`${name}.csr`), '-CA', file('ca.crt'), '-CAkey', file('ca.key')],
      ...['-set_serial', String(serial), '-extfile', file(`${name}.ext`), '-out', file(`${name}.crt`)],
    ]);
    return { certFile: file(`${name}.crt`), keyFile: file(`${name}.key`) };
  };

  let issued = 2; // serial 1 is the server's
  const issueClient = (user: string, groups: readonly string[]) => {
    const subject = [...groups.map((group) => `/O=${group}`), `/CN=${user}`].join('');
    const serial = issued++;
    return issue(`client-${serial}`, subject, serial, ['extendedKeyUsage=clientAuth']);
  };

  const [server, admin] = await Promise.all([
    issue('apiserver', '/CN=kube-apiserver', 1, [
      'extendedKeyUsage=serverAuth',
      'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc',
    ]),
    issueClient('admin', ['system:masters']),
    mustRun('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file('service-account.key')]),
  ]);
  return {
    caFile: file('ca.crt'),
    serverCertFile: server.certFile,
    serverKeyFile: server.keyFile,
    serviceAccountKeyFile: file('service-account.key'),
    adminCertFile: admin.certFile,
    adminKeyFile: admin.keyFile,
    issueClient,
  };
}
