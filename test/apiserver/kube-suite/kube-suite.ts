import { describeClient } from './client-suite.ts';
import { describeEvents } from './events-suite.ts';
import { describeLease } from './lease-suite.ts';
import { describeReflectorFaults } from './reflector-faults-suite.ts';
import { describeReflector } from './reflector-suite.ts';
import type { KubeTarget } from './target.ts';
import { describeTransport } from './transport-suite.ts';

/** The whole suite of runtime/kube against one API server: the fake and the real one answer alike, or it fails. */
export function describeKube(name: string, open: () => Promise<KubeTarget>): void {
  describe(name, () => {
    let target: KubeTarget | undefined;
    beforeAll(async () => {
      target = await open();
    }, 60_000);
    afterAll(() => target?.[Symbol.asyncDispose]());
    const opened = (): KubeTarget => {
      if (target === undefined) throw new Error('the target did not open');
      return target;
    };
    describeClient(opened);
    describeTransport(opened);
    describeReflector(opened);
    describeReflectorFaults(opened);
    describeLease(opened);
    describeEvents(opened);
  });
}
