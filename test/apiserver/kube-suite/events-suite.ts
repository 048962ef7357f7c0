import { type EventDraft, events, type KubeEvent } from '../../../runtime/kube/event-object.ts';
import { EventRecorder } from '../../../runtime/kube/events.ts';
import type { SeenRequest } from '../../fakes/faulty-server.ts';
import { type ConfigMap, configMaps, Rig } from './rig.ts';
import type { KubeTarget } from './target.ts';

class EventRig extends Rig {
  readonly recorder: EventRecorder;

  constructor(target: KubeTarget) {
    super(target);
    const reporter = { controller: 'example.com/suite', instance: 'suite-0' };
    const { client, clock, logger, registry } = this;
    this.recorder = new EventRecorder({ client, clock, logger, registry, reporter });
    this.onDispose(() => this.recorder.stop(AbortSignal.abort(new Error('test ends'))));
  }

  about(object: ConfigMap, more: Partial<EventDraft> = {}): EventDraft {
    const { name, namespace = '', uid } = object.metadata;
    const regarding = { apiVersion: 'v1', kind: 'ConfigMap', name, namespace, uid };
    return { regarding, type: 'Warning', reason: 'Broken', action: 'Resolve', note: 'it broke', ...more };
  }

  async written(): Promise<KubeEvent[]> {
    const { items } = await this.other.list(events, { namespace: 'default' });
    return items.filter((event) => event.regarding.name.startsWith(this.run));
  }

  async total(result: string): Promise<number> {
    return await this.metric('kube_events_total', { result });
  }
}

/** Events that people see with kubectl describe. */
export function describeEvents(target: () => KubeTarget): void {
  describe('events', () => {
    afterEach(() => target().faulty.heal());

    test('one event, as the API wants it', async () => {
      await using rig = new EventRig(target());
      const object = await rig.other.create(configMaps, rig.configMap('a'));
      rig.recorder.record(rig.about(object, { note: 'é'.repeat(2_000) }));
      await rig.converge('the event', async () => (await rig.total('created')) === 1);
      const [event] = await rig.written();
      expect(event).toMatchObject({
        type: 'Warning',
        reason: 'Broken',
        action: 'Resolve',
        reportingInstance: 'suite-0',
      });
      expect(event?.regarding).toMatchObject({ kind: 'ConfigMap', uid: object.metadata.uid });
      expect(Buffer.byteLength(event?.note ?? '')).toBeLessThanOrEqual(1024);
      expect(event?.note).toMatch(/^é{500,}\.\.\.$/);
    });

    test('the same again is counted in the first one', async () => {
      await using rig = new EventRig(target());
      const object = await rig.other.create(configMaps, rig.configMap('a'));
      for (let time = 0; time < 5; time++) {
        rig.recorder.record(rig.about(object));
        await rig.pass(1_000);
      }
      rig.recorder.record(rig.about(object, { reason: 'Other' }));
      await rig.pass(12_000);
      await rig.recorder.stop();
      const written = await rig.written();
      expect(written.map((event) => [event.reason, event.series?.count]).toSorted()).toEqual([
        ['Broken', 5],
        ['Other', undefined],
      ]);
      expect(await rig.total('repeated')).toBe(1);
      expect(await rig.total('created')).toBe(2);
    });

    test('six minutes later it is a new one', async () => {
      await using rig = new EventRig(target());
      const object = await rig.other.create(configMaps, rig.configMap('a'));
      rig.recorder.record(rig.about(object));
      await rig.converge('the event', async () => (await rig.total('created')) === 1);
      await rig.clock.advance(360_000);
      rig.recorder.record(rig.about(object));
      await rig.converge('another', async () => (await rig.total('created')) === 2);
    });

    test('one object that never stops is cut off, and others are heard', async () => {
      await using rig = new EventRig(target());
      const noisy = await rig.other.create(configMaps, rig.configMap('a'));
      const quiet = await rig.other.create(configMaps, rig.configMap('b'));
      for (let time = 0; time < 100; time++) rig.recorder.record(rig.about(noisy, { note: `time ${time}` }));
      rig.recorder.record(rig.about(quiet));
      await rig.converge('the events', async () => (await rig.total('created')) === 26);
      expect(await rig.total('dropped')).toBe(75);
      expect((await rig.written()).some((event) => event.regarding.uid === quiet.metadata.uid)).toBe(true);
    });

    test('many at once are written in the end, five a second beyond the first fifty', async () => {
      await using rig = new EventRig(target());
      const object = await rig.other.create(configMaps, rig.configMap('a'));
      for (let index = 0; index < 60; index++) {
        const { regarding } = rig.about(object);
        rig.recorder.record(rig.about(object, { regarding: { ...regarding, uid: `${regarding.uid}-${index}` } }));
      }
      await rig.sleeping();
      expect(await rig.total('created')).toBe(50);
      const startMs = rig.clock.monotonic();
      await rig.converge('the rest', async () => (await rig.total('created')) === 60);
      expect(rig.clock.monotonic() - startMs).toBe(2_000);
    });

    test('what cannot be written is counted, and stop does not wait for it', async () => {
      await using rig = new EventRig(target());
      const object = await rig.other.create(configMaps, rig.configMap('a'));
      const isPost = ({ method }: SeenRequest) => method === 'POST';
      target().faulty.inject({ type: 'answer', status: 403, reason: 'Forbidden' }, isPost);
      rig.recorder.record(rig.about(object));
      await rig.converge('the failure', async () => (await rig.total('failed')) === 1);
      target().faulty.inject({ type: 'hang' }, isPost);
      rig.recorder.record(rig.about(object, { note: 'another' }));
      await rig.recorder.stop(AbortSignal.abort(new Error('no time')));
      expect(await rig.total('failed')).toBe(2);
      rig.recorder.record(rig.about(object, { note: 'too late' }));
      expect(await rig.total('dropped')).toBe(1);
    });
  });
}
