import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findBinaries } from './harness/binaries.ts';
import { startControlPlane } from './harness/control-plane.ts';
import { eventually } from './harness/eventually.ts';

/** Processes that have this text in their command line: the folder and the ports of a control plane are its own. */
const processesWith = (text: string): string[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false; // it ended meanwhile
      }
    });

const portOf = (url: string) => new URL(url).port;

describe('the control plane of these tests', () => {
  test('is killed, comes back with what it held, and leaves nothing', async () => {
    const controlPlane = await startControlPlane();
    const { kubectl } = controlPlane;
    const before = controlPlane.apiserverPid;

    await kubectl(['create', 'configmap', 'kept', '--from-literal=a=b']);
    await controlPlane.killApiserver();
    expect((await kubectl(['get', 'configmap', 'kept'], { mayFail: true })).stderr).toMatch(/refused/);
    await controlPlane.restartApiserver();
    expect((await kubectl(['get', 'configmap', 'kept', '-o', 'jsonpath={.data.a}'])).stdout).toBe('b');
    expect(controlPlane.apiserverPid).not.toBe(before);

    await controlPlane.stop();
    expect(processesWith(`--secure-port=${portOf(controlPlane.url)}`)).toEqual([]);
    expect(existsSync(controlPlane.caFile)).toBe(false);
  }, 60_000);

  test('knows who asks, and what they may', async () => {
    await using controlPlane = await startControlPlane();
    const { kubectl } = controlPlane;
    const token = await controlPlane.tokenFor('somewhere', 'nobody');
    const asNobody = (...args: string[]) =>
      kubectl(
        [
          '--kubeconfig=/dev/null',
          `--server=${controlPlane.url}`,
          `--certificate-authority=${controlPlane.caFile}`,
          `--token=${token}`,
          ...args,
        ],
        { mayFail: true },
      );
    expect((await asNobody('auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}')).stdout).toBe(
      'system:serviceaccount:somewhere:nobody',
    );
    expect((await asNobody('get', 'secrets')).stderr).toMatch(/cannot list resource "secrets"/);

    const node = await controlPlane.kubeconfigFor('system:node:n1', ['system:nodes']);
    const whoami = await kubectl([
      `--kubeconfig=${node}`,
      'auth',
      'whoami',
      '-o',
      'jsonpath={.status.userInfo.username}',
    ]);
    expect(whoami.stdout).toBe('system:node:n1');
  }, 60_000);

  test('goes with the process that started it, however that ends', async () => {
    const harness = fileURLToPath(new URL('./harness/control-plane.ts', import.meta.url));
    const program = `const { url, caFile } = await (await import(${JSON.stringify(harness)})).startControlPlane(); console.log(url + ' ' + caFile); setInterval(() => {}, 1000);`;
    const owner = spawn('node', ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(createInterface(owner.stdout), 'line')) as [string];
    const [url = '', caFile = ''] = line.split(' ');
    expect(processesWith(`--secure-port=${portOf(url)}`)).toHaveLength(1);
    owner.kill('SIGKILL');
    await eventually('kube-apiserver to be gone', () => processesWith(`--secure-port=${portOf(url)}`).length === 0);
    await rm(dirname(caFile), { recursive: true }); // what nobody was left to do
  }, 60_000);

  test("is somebody else's with USE_EXISTING_CLUSTER=true, and then is left as it was found", async () => {
    await using owned = await startControlPlane();
    const existing = await startControlPlane({
      env: { ...process.env, USE_EXISTING_CLUSTER: 'true', KUBECONFIG: owned.adminKubeconfig },
    });
    expect(existing.url).toBe(owned.url);
    expect(readFileSync(existing.caFile, 'utf8').trim()).toBe(readFileSync(owned.caFile, 'utf8').trim());
    expect((await existing.tokenFor('somewhere', 'nobody')).split('.')).toHaveLength(3);
    await expect(existing.killApiserver()).rejects.toThrow('needs a control plane of its own');
    await existing.stop();
    expect((await owned.kubectl(['get', '--raw=/readyz'])).stdout).toBe('ok');
  }, 60_000);

  test('is of the programs in KUBEBUILDER_ASSETS where that is set', async () => {
    expect(await findBinaries({ KUBEBUILDER_ASSETS: '/assets', PATH: process.env['PATH'] })).toEqual({
      etcd: '/assets/etcd',
      kubeApiserver: '/assets/kube-apiserver',
      kubectl: '/assets/kubectl',
    });
  });
});
