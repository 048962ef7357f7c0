import { type KernelFacts, nodeStatus } from '../../../../agent/source/node-status.ts';
import type { ProgramReport } from '../../../../agent/source/source.ts';
import { bpfNodeSchema, nodeProgramsMax } from '../../../../crds/bpf-node.ts';
import { unknownFields } from '../../../../crds/unknown-fields.ts';

const agent = { version: '0.1.0', libbpf: '1.1.2' };
const kernel: KernelFacts = {
  release: '6.18.0',
  arch: 'x86_64',
  btf: true,
  lockdown: 'integrity',
  features: ['ringbuf'],
  obstacle: undefined,
};
const nowMs = Date.UTC(2026, 0, 2);
const ready = (ref: string): ProgramReport => ({ ref, revision: '5f2a9c01', state: 'Ready' });
const statusOf = (reports: readonly ProgramReport[], more: Partial<Parameters<typeof nodeStatus>[0]> = {}) =>
  nodeStatus({ nodeUID: 'u1', agent, kernel, reports, phase: 'Running', ...more }, [], nowMs);

describe("a node's status", () => {
  test('says all that the agent knows, sorted and short', () => {
    const status = statusOf([
      ready('tracing/b'),
      { ref: 'net/drops', revision: '77aa01bc', state: 'Failed', reason: 'VerifierRejected', message: 'x'.repeat(300) },
      { ref: 'tracing/a', revision: '00000001', state: 'Pending' },
      { ...ready('z/z'), reason: 'MetricConflict', message: 'taken' },
    ]);
    expect(status).toEqual({
      nodeUID: 'u1',
      agent,
      kernel: { release: '6.18.0', arch: 'x86_64', btf: true, lockdown: 'integrity', features: ['ringbuf'] },
      desired: 4,
      ready: 2,
      summary: '2/4',
      programs: [
        {
          ref: 'net/drops',
          revision: '77aa01bc',
          state: 'Failed',
          reason: 'VerifierRejected',
          message: `${'x'.repeat(84)} … ${'x'.repeat(169)}`,
        },
        { ref: 'tracing/a', revision: '00000001', state: 'Pending' },
        { ref: 'tracing/b', revision: '5f2a9c01' },
        { ref: 'z/z', revision: '5f2a9c01', reason: 'MetricConflict', message: 'taken' },
      ],
      conditions: [
        {
          type: 'AgentReady',
          status: 'True',
          reason: 'Running',
          message: 'It is at work.',
          lastTransitionTime: '2026-01-02T00:00:00Z',
        },
        {
          type: 'KernelSupported',
          status: 'True',
          reason: 'Supported',
          message: expect.any(String),
          lastTransitionTime: '2026-01-02T00:00:00Z',
        },
      ],
    });
    const object = { apiVersion: 'bpf.sh/v1alpha1', kind: 'BPFNode', metadata: { name: 'n1' }, status };
    expect(bpfNodeSchema.safeParse(object).error).toBeUndefined();
    expect(unknownFields(bpfNodeSchema, object)).toEqual([]);
  });

  test.each(['Starting', 'Stopping'] as const)('%s is not ready, and the programs stay', (phase) => {
    const status = statusOf([ready('a/a')], { phase });
    expect(status.conditions?.[0]).toMatchObject({ type: 'AgentReady', status: 'False', reason: phase });
    expect(status).toMatchObject({ programs: [{ ref: 'a/a' }], summary: '1/1' });
  });

  test('names what the kernel refuses', () => {
    const obstacle = { reason: 'SeccompBlocked', message: 'bpf(2) is refused' } as const;
    const status = statusOf([], { kernel: { ...kernel, obstacle } });
    expect(status.conditions?.[1]).toMatchObject({ type: 'KernelSupported', status: 'False', ...obstacle });
  });

  test('moves the time of a condition only with its status', () => {
    const before = statusOf([]).conditions ?? [];
    const input = { nodeUID: 'u1', agent, kernel, reports: [], phase: 'Running' } as const;
    expect(nodeStatus(input, before, nowMs + 60_000).conditions).toEqual(before);
    const stopping = nodeStatus({ ...input, phase: 'Stopping' }, before, nowMs + 60_000).conditions;
    expect(stopping?.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
      '2026-01-02T00:01:00Z',
      '2026-01-02T00:00:00Z',
    ]);
  });

  test('lists so many programs and counts the rest', () => {
    const status = statusOf(
      Array.from({ length: nodeProgramsMax + 1 }, (_, i) => ready(`a/${String(i).padStart(5, '0')}`)),
    );
    expect(status.programs).toHaveLength(nodeProgramsMax);
    expect(status.summary).toBe(`${nodeProgramsMax + 1}/${nodeProgramsMax + 1}`);
  });
});
