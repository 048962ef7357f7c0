import type { MapReader } from '../../../../agent/kernel/map-reader.ts';
import { Exporter, type ExporterOptions, type RenderOptions } from '../../../../agent/metrics/exposition.ts';
import type { BpfName, ScrapeObserver } from '../../../../agent/metrics/observer.ts';
import type { ExportedBpf } from '../../../../agent/metrics/render-maps.ts';
import { zeroConfig } from '../../../../bpf/metrics/zero-config.ts';
import type { ObjectSpec } from '../../../../bpf/object/spec.ts';

/** Writes down what a scrape met with. */
export class Notebook implements ScrapeObserver {
  readonly lines: string[] = [];

  bpfAdded({ name }: BpfName, maps: readonly { map: string; maxEntries: number }[]): void {
    this.lines.push(`added ${name}: ${maps.map(({ map, maxEntries }) => `${map} ${maxEntries}`).join(', ')}`);
  }
  bpfRemoved({ name }: BpfName): void {
    this.lines.push(`removed ${name}`);
  }
  mapRead({ name }: BpfName, map: string, entries: number): void {
    this.lines.push(`read ${name} ${map}: ${entries}`);
  }
  mapFailed({ name }: BpfName, map: string, error: unknown): void {
    this.lines.push(`failed ${name} ${map}: ${String(error)}`);
  }
  mapCut({ name }: BpfName, map: string): void {
    this.lines.push(`cut ${name} ${map}`);
  }
  bpfWritten({ name }: BpfName, series: number, merged: number, dropped: number): void {
    this.lines.push(`written ${name}: ${series}, ${merged} merged${dropped > 0 ? `, ${dropped} dropped` : ''}`);
  }
  scraped(): void {
    this.lines.push('scraped');
  }
}

export function newExporter(options: Partial<ExporterOptions> = {}): { exporter: Exporter; notebook: Notebook } {
  const notebook = new Notebook();
  const exporter = new Exporter({
    node: 'n1',
    observer: notebook,
    ownText: async () => '',
    decoders: () => {
      throw new Error('no decoders here');
    },
    ...options,
  });
  return { exporter, notebook };
}

export function bpfOf(
  ref: string,
  object: ObjectSpec,
  maps: Readonly<Record<string, MapReader>>,
  createdAt = '',
): ExportedBpf {
  const [namespace = '', name = ''] = ref.split('/');
  const { plan, faults } = zeroConfig(object);
  if (faults.length > 0) throw new Error(faults.map((fault) => fault.message).join('; '));
  return { ref, namespace, name, createdAt, plan, maps: new Map(Object.entries(maps)) };
}

export async function textOf(exporter: Exporter, options: Partial<RenderOptions> = {}): Promise<string> {
  using rendering = await exporter.render(new AbortController(), { budgetMs: 10_000, ...options });
  return Buffer.concat(rendering.chunks).toString();
}
