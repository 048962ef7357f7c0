import { Registry } from 'prom-client';
import { DirectorySource } from '../../../../agent/source/directory.ts';
import { type OpenSourceOptions, openSource } from '../../../../agent/source/open-source.ts';
import { systemClock } from '../../../../runtime/clock.ts';
import { ConnectionError } from '../../../../runtime/kube/connection.ts';
import { LogLines } from '../../../fakes/log-lines.ts';

const open = (config: Partial<OpenSourceOptions['config']>, env: OpenSourceOptions['env'] = {}) =>
  openSource({
    config: { watch: false, nodeName: 'n1', ...config },
    env,
    clock: systemClock,
    logger: new LogLines().logger,
    registry: new Registry(),
    folder: '/nonexistent',
    agent: { version: '0.1.0', libbpf: '1.1.2' },
    kernel: { release: '6.1.0', arch: 'x86_64', btf: true, lockdown: 'none', features: [], obstacle: undefined },
    onConnected: () => {},
  });

describe('where wishes come from', () => {
  test('a folder, where one is named, also in a Pod', async () => {
    const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    expect(await open({ manifests: '/nonexistent' }, env)).toBeInstanceOf(DirectorySource);
  });

  test('nowhere: says what to do', async () => {
    await expect(open({})).rejects.toThrow(ConnectionError);
    await expect(open({})).rejects.toThrow(/not a Pod \[--kubeconfig FILE, or --manifests DIR/);
  });

  test('a kubeconfig that is not there is named', async () => {
    await expect(open({ kubeconfig: '/nonexistent/config' })).rejects.toThrow(/\/nonexistent\/config/);
  });
});
