import { systemClock } from '../../runtime/clock.ts';
import { kubeconfigConnection } from '../../runtime/kube/kubeconfig.ts';
import { forwardTo } from '../fakes/forward.ts';
import { startControlPlane } from './harness/control-plane.ts';
import { describeKube } from './kube-suite/kube-suite.ts';
import { openTarget } from './kube-suite/target.ts';

describeKube('a real kube-apiserver', async () => {
  const controlPlane = await startControlPlane();
  const direct = await kubeconfigConnection({ file: controlPlane.adminKubeconfig, clock: systemClock });
  const forward = forwardTo(direct);
  const target = await openTarget(forward, direct);
  return {
    ...target,
    [Symbol.asyncDispose]: async () => {
      await target[Symbol.asyncDispose]();
      await forward[Symbol.asyncDispose]();
      await controlPlane.stop();
    },
  };
});
