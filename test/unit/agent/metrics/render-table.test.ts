import { Digits } from '../../../../agent/metrics/digits.ts';
import { Merger } from '../../../../agent/metrics/merge.ts';
import { BudgetSpent, Pacer } from '../../../../agent/metrics/pacer.ts';
import { PagedText, PagePool } from '../../../../agent/metrics/pages.ts';
import { Batch } from '../../../../agent/metrics/read-map.ts';
import { renderTable, type TableResult } from '../../../../agent/metrics/render-table.ts';
import { layoutTable } from '../../../../agent/metrics/table-layout.ts';
import { newScratch } from '../../../../agent/metrics/write-rows.ts';
import { zeroConfig } from '../../../../bpf/metrics/zero-config.ts';
import { MemoryMap } from '../../../fakes/memory-map.ts';
import { array, char, objectOf, u64 } from '../../../fixtures/layouts.ts';

const entryCount = 5000;
const lineBytes = 'bpf_m{bpf_name="b",bpf_namespace="ns",key="c0000",node="n"} 0\n'.length;
const labelBytes = 'c0000",node="n"} '.length;

/** Five thousand keys of text, read with the budget of time that never ends and of so many bytes. */
async function rendered(maxBytes: number, distinct: boolean): Promise<TableResult> {
  const object = objectOf({ m: { key: array(char, 8), value: u64 } });
  const [plan] = zeroConfig(object).plan.tables;
  const entries = Array.from({ length: entryCount }, (_, i) => {
    const key = Buffer.alloc(8);
    key.write(`c${String(i).padStart(4, '0')}`);
    return [key, Buffer.alloc(8)] as const;
  });
  const reader = new MemoryMap({ name: 'm', keySizeBytes: 8, valueSizeBytes: 8 }, entries);
  let now = 0;
  const tools = { merger: new Merger(), scratch: newScratch(), batch: new Batch(), now: () => now };
  const layoutTools = {
    digits: new Digits(),
    decoders: () => ({ decode: () => undefined, names: [] }),
    now: tools.now,
  };
  const layout =
    plan && layoutTable({ ...plan, distinct }, reader, { node: 'n', namespace: 'ns', name: 'b' }, layoutTools);
  if (layout === undefined) throw new Error('no layout');
  const pacer = new Pacer(new AbortController().signal, () => (now += 5), Number.POSITIVE_INFINITY);
  return renderTable(layout, [new PagedText(new PagePool())], tools, pacer, maxBytes);
}

test.each([
  ['streamed', true],
  ['merged', false],
])('text that grows beyond its limit is cut: %s', async (_, distinct) => {
  // The last look at it comes when nearly all is written.
  await expect(rendered(lineBytes * (entryCount + 1), distinct)).resolves.toEqual({
    entries: entryCount,
    series: entryCount,
    merged: 0,
  });
  await expect(rendered(lineBytes * (entryCount - 1000), distinct)).rejects.toThrow(BudgetSpent);
});

test('labels that are gathered to be merged count too', async () => {
  await expect(rendered(labelBytes * (entryCount - 1000), false)).rejects.toThrow(BudgetSpent);
});
