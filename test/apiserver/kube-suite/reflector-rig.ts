import type { KubeObject } from '../../../runtime/kube/objects.ts';
import { Reflector, type ReflectorOptions } from '../../../runtime/kube/reflector.ts';
import { ReflectorMetrics } from '../../../runtime/kube/reflector-metrics.ts';
import type { StoreEvent } from '../../../runtime/kube/store.ts';
import type { OpenWatch } from '../../fakes/faulty-server.ts';
import { eventually } from '../harness/eventually.ts';
import { type ConfigMap, configMaps, Rig, type RigOptions } from './rig.ts';
import type { KubeTarget } from './target.ts';

/** What a listener believes, built from events alone; impossible events are failures. */
class Believer {
  readonly objects = new Map<string, string>();
  readonly events: string[] = [];

  readonly on = (event: StoreEvent<KubeObject & { data?: Record<string, string> }>): void => {
    const { metadata } = event.new ?? event.old;
    const known = this.objects.has(metadata.name);
    if (known !== (event.old !== undefined)) throw new Error(`impossible: ${event.type} ${metadata.name}`);
    this.events.push(`${event.type} ${metadata.name}`);
    if (event.new === undefined) this.objects.delete(metadata.name);
    else this.objects.set(metadata.name, event.new.data?.['v'] ?? '');
  };
}

/** A reflector of this test's ConfigMaps, and somebody who believes what it says. */
export class ReflectorRig extends Rig {
  readonly believer = new Believer();
  readonly reflector: Reflector<ConfigMap>;

  constructor(target: KubeTarget, more: Partial<ReflectorOptions<ConfigMap>> = {}, options: RigOptions = {}) {
    super(target, options);
    const { client, clock, logger, run } = this;
    this.reflector = new Reflector({
      ...{ client, clock, logger, resource: configMaps, namespace: 'default', labelSelector: `run=${run}` },
      ...{ metrics: new ReflectorMetrics(this.registry), random: () => 0 },
      ...more,
    });
    this.reflector.subscribe(this.believer.on);
    this.onDispose(() => this.reflector.stop());
  }

  /** Two objects, seen, and a watch open. */
  async started(target: KubeTarget): Promise<OpenWatch> {
    await this.other.create(configMaps, this.configMap('a', { v: '1' }));
    await this.other.create(configMaps, this.configMap('b', { v: '1' }));
    this.reflector.start();
    const watch = await eventually('the watch', () => this.watch(target), { everyMs: 1 });
    expect(this.values()).toEqual({ a: '1', b: '1' });
    target.faulty.forget();
    return watch;
  }

  watch(target: KubeTarget): OpenWatch | undefined {
    return target.faulty.watches.find(({ request }) => request.url.search.includes(this.run));
  }

  /** What others do while the reflector is blind: one object changes, one goes, one comes. */
  async changeAll(): Promise<void> {
    const ref = (suffix: string) => ({ namespace: 'default', name: this.name(suffix) });
    await this.other.mergePatch(configMaps, ref('a'), { data: { v: '2' } });
    await this.other.delete(configMaps, ref('b'));
    await this.other.create(configMaps, this.configMap('c', { v: '1' }));
  }

  static readonly changed = { a: '2', c: '1' };

  values(): Record<string, string> {
    const short = (name: string) => name.replace(`${this.run}-`, '');
    return Object.fromEntries(
      [...this.reflector.store.list()].map((o) => [short(o.metadata.name), o.data?.['v'] ?? '']),
    );
  }

  /** Until the store holds what `changeAll` left, and whoever listened believes the same. */
  async caughtUp(): Promise<void> {
    const wanted = JSON.stringify(ReflectorRig.changed);
    await this.converge('the changes', () => JSON.stringify(this.values()) === wanted);
    const believed = [...this.believer.objects].map(([name, value]) => [name.replace(`${this.run}-`, ''), value]);
    expect(Object.fromEntries(believed)).toEqual(ReflectorRig.changed);
    const count = (event: string) => this.believer.events.filter((text) => text === event).length;
    expect(count(`added ${this.name('c')}`)).toBe(1);
    expect(count(`deleted ${this.name('b')}`)).toBe(1);
  }
}
