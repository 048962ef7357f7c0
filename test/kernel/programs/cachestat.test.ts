import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { libraryManifest } from '../../fixtures/library.ts';
import { AgentHome, type RunningAgent } from '../agent-process.ts';
import { kernelHasKprobes } from './kernel-has-kprobes.ts';

let home: AgentHome;
let agent: RunningAgent;
beforeAll(async () => {
  home = new AgentHome();
  home.write('cachestat.yaml', libraryManifest('cachestat'));
  agent = await home.start();
});
afterAll(() => home[Symbol.asyncDispose]());

if (kernelHasKprobes) {
  test('a file that is written, dropped and read twice misses once and then hits', async () => {
    await agent.until('bpf_agent_programs{node="n1",state="ready"}', '1');
    const value = async (name: string) =>
      Number(await agent.value(`bpf_page_cache_${name}_total{bpf_name="cachestat",bpf_namespace="default",node="n1"}`));
    const pages = 256;
    const file = join(home.folder, 'file');
    const dd = (...args: string[]) => execFileSync('dd', ['bs=4096', ...args], { stdio: 'ignore' });

    const dirtied = await value('dirtied');
    dd('if=/dev/zero', `of=${file}`, `count=${pages}`, 'conv=fsync');
    expect((await value('dirtied')) - dirtied).toBeGreaterThan(0);

    dd(`if=${file}`, 'of=/dev/null', 'count=0', 'iflag=nocache'); // drops it from the cache
    const additions = await value('additions');
    dd(`if=${file}`, 'of=/dev/null');
    const missed = (await value('additions')) - additions;
    expect(missed).toBeGreaterThan(0);

    const accesses = await value('accesses');
    dd(`if=${file}`, 'of=/dev/null');
    expect((await value('accesses')) - accesses).toBeGreaterThan(0);
    expect((await value('additions')) - additions - missed).toBeLessThan(missed);
  });
} else {
  test('a kernel without fentry and kprobes is told what it lacks, of each twin', async () => {
    await agent.until('bpf_agent_programs{node="n1",state="failed"}', '1');
    const line = await agent.logged('load default/cachestat', 'none of firstOf');
    expect(line).toContain('"reason":"ProgramTypeUnsupported"');
    expect(line).toMatch(
      /on_access_folio_kprobe, on_access_page_kprobe: this kernel has no kprobes \(CONFIG_KPROBES\)/,
    );
    expect(line).toMatch(/on_access_folio_fentry, on_access_page_fentry: [^;]*EPERM/);
    expect(await agent.metrics()).not.toContain('bpf_page_cache_');
  });
}
