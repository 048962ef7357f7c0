import { describeKube } from '../../../apiserver/kube-suite/kube-suite.ts';
import { openTarget } from '../../../apiserver/kube-suite/target.ts';
import { FakeApi } from '../../../fakes/api-server/fake-api.ts';

describeKube('the fake API server', () => openTarget(new FakeApi().handle));
