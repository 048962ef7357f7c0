import { pageBytes } from '../../../../agent/metrics/pages.ts';
import type { ExportedBpf } from '../../../../agent/metrics/render-maps.ts';
import type { Rendering } from '../../../../agent/metrics/rendering.ts';
import type { MetricRow } from '../../../../bpf/metrics/plan.ts';
import { type Entry, MemoryMap } from '../../../fakes/memory-map.ts';
import { array, char, objectOf, struct, u32, u64 } from '../../../fixtures/layouts.ts';
import { bpfOf, newExporter, textOf } from './exporting.ts';
import { parseExposition } from './parse.ts';

const never = new AbortController();
const counted = objectOf({ hits: { key: u32, value: u64 } });

function entry(key: number, value: number): Entry {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32LE(key, 0);
  bytes.writeBigUInt64LE(BigInt(value), 4);
  return [bytes.subarray(0, 4), bytes.subarray(4)];
}

function mapOf(count: number, name = 'hits'): MemoryMap {
  const entries = Array.from({ length: count }, (_, i) => entry(i, i));
  return new MemoryMap({ name, keySizeBytes: 4, valueSizeBytes: 8 }, entries);
}

const hitsOf = (ref: string, map: MemoryMap, createdAt?: string): ExportedBpf =>
  bpfOf(ref, counted, { hits: map }, createdAt);

/** Who has series in the exposition. */
const namesIn = (text: string): string[] =>
  Array.from(new Set(parseExposition(text).samples.map(({ labels }) => labels['bpf_name'] ?? '')));

/** Lets what is due run: macrotasks of this turn. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a family of several BPFs', () => {
  function typed(ref: string, type: MetricRow['type'], createdAt: string): ExportedBpf {
    const bpf = hitsOf(ref, mapOf(1), createdAt);
    const tables = bpf.plan.tables.map((table) => ({
      ...table,
      metrics: table.metrics.map((metric) => ({ ...metric, type })),
    }));
    return { ...bpf, plan: { ...bpf.plan, tables } };
  }

  test.each<[string, [string, MetricRow['type'], string][], string, [ref: string, keptBy: string][]]>([
    [
      'one type: all',
      [
        ['a/x', 'untyped', '2024-01-02T00:00:00Z'],
        ['b/y', 'untyped', '2024-01-01T00:00:00Z'],
      ],
      'untyped',
      [],
    ],
    [
      'the older keeps its type',
      [
        ['a/x', 'untyped', '2024-01-02T00:00:00Z'],
        ['b/y', 'counter', '2024-01-01T00:00:00Z'],
      ],
      'counter',
      [['a/x', 'b/y']],
    ],
    [
      'time, not text',
      [
        ['a/x', 'untyped', '2024-01-01T01:00:00+02:00'],
        ['b/y', 'counter', '2024-01-01T00:00:00Z'],
      ],
      'untyped',
      [['b/y', 'a/x']],
    ],
    [
      'a tie: by namespace',
      [
        ['b/a', 'untyped', ''],
        ['a/b', 'counter', ''],
      ],
      'counter',
      [['b/a', 'a/b']],
    ],
    [
      'a tie: then by name',
      [
        ['a/b', 'untyped', ''],
        ['a/a', 'counter', ''],
      ],
      'counter',
      [['a/b', 'a/a']],
    ],
    [
      'a namespace before one that it begins',
      [
        ['a-b/a', 'untyped', ''],
        ['a/z', 'counter', ''],
      ],
      'counter',
      [['a-b/a', 'a/z']],
    ],
  ])('%s', async (_, bpfs, type, conflicts) => {
    const { exporter } = newExporter();
    for (const [ref, own, createdAt] of bpfs) exporter.add(typed(ref, own, createdAt));
    const text = await textOf(exporter);
    expect(parseExposition(text).types).toEqual(new Map([['bpf_hits', type]]));
    for (const [ref] of bpfs) {
      const found = exporter.conflicts(ref);
      expect(found).toEqual(
        conflicts.filter(([of]) => of === ref).map(([of, keptBy]) => ({ ref: of, family: 'bpf_hits', keptBy })),
      );
      expect(namesIn(text).includes(ref.split('/')[1] ?? '')).toBe(found.length === 0);
    }
  });

  test('goes to the next when who kept it is gone', async () => {
    const { exporter } = newExporter();
    exporter.add(typed('a/x', 'counter', '2024-01-01T00:00:00Z'));
    exporter.add(typed('b/y', 'untyped', '2024-01-02T00:00:00Z'));
    exporter.remove('a/x');
    expect(exporter.conflicts('b/y')).toEqual([]);
    expect(namesIn(await textOf(exporter))).toEqual(['y']);
  });
});

describe('a map that cannot be read', () => {
  test('costs its own series only, also those written before it failed', async () => {
    const { exporter, notebook } = newExporter();
    const broken = mapOf(10_000);
    broken.onRead = () => {
      if (broken.reads === 1) broken.failure = new Error('EIO');
    };
    exporter.add(hitsOf('ns/broken', broken));
    exporter.add(hitsOf('ns/sound', mapOf(2)));
    const text = await textOf(exporter);
    expect(broken.reads).toBe(2);
    expect(parseExposition(text).samples).toHaveLength(2);
    expect(namesIn(text)).toEqual(['sound']);
    expect(notebook.lines).toContain('failed broken hits: Error: EIO');
    expect(notebook.lines).toContain('written broken: 0, 0 merged');
  });

  test.each([
    ['is not there', {}, 'the object has none'],
    [
      'has other keys',
      { hits: new MemoryMap({ name: 'hits', keySizeBytes: 8, valueSizeBytes: 8 }, []) },
      'other sizes',
    ],
    [
      'has smaller values',
      { hits: new MemoryMap({ name: 'hits', keySizeBytes: 4, valueSizeBytes: 4 }, []) },
      'other sizes',
    ],
  ])('because it %s', async (_, maps, message) => {
    const { exporter, notebook } = newExporter();
    exporter.add(bpfOf('ns/b', counted, maps));
    expect(await textOf(exporter)).toBe('');
    expect(notebook.lines.filter((line) => line.startsWith('failed'))).toEqual([expect.stringContaining(message)]);
  });
});

describe('while a render is under way', () => {
  /** Stops in the middle of the first map until `go`. */
  async function held(
    exporter: ReturnType<typeof newExporter>['exporter'],
    map: MemoryMap,
  ): Promise<{ text: Promise<string>; reached: Promise<void> }> {
    const reached = Promise.withResolvers<void>();
    map.onRead = () => reached.resolve();
    return { text: textOf(exporter), reached: reached.promise };
  }

  /** A clock that makes every check due, so that the render lets others run at each. */
  const restless = (): (() => number) => {
    let now = 0;
    return () => (now += 5);
  };

  test('a BPF that is removed, and its maps closed, is not in it and is no error', async () => {
    const { exporter, notebook } = newExporter({ now: restless() });
    const closing = mapOf(10_000);
    exporter.add(hitsOf('ns/closing', closing));
    exporter.add(hitsOf('ns/staying', mapOf(3)));
    const { text, reached } = await held(exporter, closing);
    await reached;
    exporter.remove('ns/closing');
    closing.failure = new Error('EBADF');
    expect(namesIn(await text)).toEqual(['staying']);
    expect(notebook.lines.filter((line) => line.startsWith('failed') || line.startsWith('written closing'))).toEqual(
      [],
    );
  });

  test('a BPF that is replaced is in it with its new maps', async () => {
    const { exporter, notebook } = newExporter({ now: restless() });
    const before = mapOf(10_000);
    exporter.add(hitsOf('ns/b', before));
    const { text, reached } = await held(exporter, before);
    await reached;
    exporter.add(hitsOf('ns/b', mapOf(5)));
    before.failure = new Error('EBADF');
    expect(parseExposition(await text).samples).toHaveLength(5);
    expect(notebook.lines.filter((line) => line.startsWith('failed'))).toEqual([]);
    expect(notebook.lines).not.toContain('removed b');
  });

  test('who asks for the same gets the same; who asks for less waits', async () => {
    const { exporter } = newExporter({ now: restless() });
    const map = mapOf(1);
    exporter.add(hitsOf('ns/b', map));
    const [first, second, part] = await Promise.all([
      textOf(exporter),
      textOf(exporter),
      textOf(exporter, { ref: 'ns/b' }),
    ]);
    expect(map.reads).toBe(2);
    expect(second).toBe(first);
    expect(part).toBe(first);
    await textOf(exporter);
    expect(map.reads).toBe(3);
  });

  test('one that goes away does not end it for another', async () => {
    const { exporter } = newExporter({ now: restless() });
    const map = mapOf(10_000);
    exporter.add(hitsOf('ns/b', map));
    const leaving = new AbortController();
    const left = exporter.render(leaving, { budgetMs: 10_000_000 });
    const stayed = textOf(exporter, { budgetMs: 10_000_000 });
    leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    expect(parseExposition(await stayed).samples).toHaveLength(10_000);
  });

  test('the last that goes away ends it, and the next begins anew', async () => {
    const { exporter, notebook } = newExporter({ now: restless() });
    const map = mapOf(20_000);
    exporter.add(hitsOf('ns/b', map));
    const leaving = new AbortController();
    const left = exporter.render(leaving, { budgetMs: 10_000_000 });
    map.onRead = () => leaving.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    map.onRead = () => {};
    expect(map.reads).toBe(1);
    expect(parseExposition(await textOf(exporter, { budgetMs: 10_000_000 })).samples).toHaveLength(20_000);
    expect(notebook.lines.filter((line) => line.startsWith('failed') || line.startsWith('written'))).toEqual([
      'written b: 20000, 0 merged',
    ]);
  });

  test('others have their turn', async () => {
    const { exporter } = newExporter({ now: restless() });
    exporter.add(hitsOf('ns/b', mapOf(10_000)));
    let turns = 0;
    let done = false;
    const text = textOf(exporter, { budgetMs: 10_000_000 }).finally(() => {
      done = true;
    });
    while (!done) {
      await turn();
      turns++;
    }
    expect(parseExposition(await text).samples).toHaveLength(10_000);
    // 10,000 lines, a look at the clock at least every 512.
    expect(turns).toBeGreaterThanOrEqual(19);
  });

  test('one that went away before ends it, too', async () => {
    const { exporter } = newExporter({ now: restless() });
    const map = mapOf(20_000);
    exporter.add(hitsOf('ns/b', map));
    const gone = exporter.render({ signal: AbortSignal.abort(new Error('gone')) }, { budgetMs: 10_000_000 });
    await expect(gone).rejects.toThrow('gone');
    await turn();
    await turn();
    expect(map.reads).toBeLessThanOrEqual(1);
    expect(parseExposition(await textOf(exporter, { budgetMs: 10_000_000 })).samples).toHaveLength(20_000);
  });

  test('a small one is done before anybody could go away, and asks for no signal', async () => {
    const { exporter } = newExporter({ now: () => 0 });
    exporter.add(hitsOf('ns/b', mapOf(100)));
    const caller = {
      get signal(): AbortSignal {
        throw new Error('asked for');
      },
    };
    using rendering = await exporter.render(caller, { budgetMs: 10_000 });
    expect(rendering.sizeBytes).toBeGreaterThan(0);
  });
});

describe('the budget', () => {
  test('cuts what is not written in time, whole maps only, and says so', async () => {
    let now = 0;
    const { exporter, notebook } = newExporter({ now: () => now });
    const slow = mapOf(10_000);
    slow.onRead = () => {
      now += 60;
    };
    exporter.add(hitsOf('ns/a', mapOf(2)));
    exporter.add(hitsOf('ns/b', slow));
    exporter.add(hitsOf('ns/c', mapOf(2)));
    const text = await textOf(exporter, { budgetMs: 100 });
    expect(namesIn(text)).toEqual(['a']);
    expect(notebook.lines.filter((line) => line.startsWith('cut'))).toEqual(['cut b hits', 'cut c hits']);
  });

  test('is that of who waits, and not of another who asks for the same at that moment', async () => {
    let now = 0;
    const { exporter, notebook } = newExporter({ now: () => now });
    const slow = mapOf(10_000);
    slow.onRead = () => {
      now += 60;
    };
    exporter.add(hitsOf('ns/a', slow));
    const [hasty, patient] = await Promise.all([
      textOf(exporter, { budgetMs: 50 }),
      textOf(exporter, { budgetMs: 1_000_000 }),
    ]);
    expect(hasty).toBe('');
    expect(parseExposition(patient).samples).toHaveLength(10_000);
    expect(notebook.lines.filter((line) => line.startsWith('cut'))).toEqual(['cut a hits']);
  });

  test('that is over before a render begins is told, not an empty answer', async () => {
    let now = 0;
    const { exporter } = newExporter({ now: () => now, ownText: async () => 'own' });
    const slow = mapOf(2);
    slow.onRead = () => {
      now += 60;
    };
    exporter.add(hitsOf('ns/a', slow));
    const first = textOf(exporter, { ref: 'ns/a' });
    const [hasty, just] = [60, 61].map((budgetMs) => textOf(exporter, { budgetMs }));
    await expect(hasty).rejects.toMatchObject({ code: 'ScrapeRefused', facts: { reason: 'time' } });
    expect(await just).toBe('own');
    expect(namesIn(await first)).toEqual(['a']);
  });

  test('is enough when it is just enough', async () => {
    let now = 0;
    const { exporter, notebook } = newExporter({ now: () => now });
    const slow = mapOf(2);
    slow.onRead = () => {
      now += 99;
    };
    exporter.add(hitsOf('ns/a', slow));
    exporter.add(hitsOf('ns/b', mapOf(2)));
    expect(namesIn(await textOf(exporter, { budgetMs: 100 }))).toEqual(['a', 'b']);
    expect(notebook.lines.filter((line) => line.startsWith('cut'))).toEqual([]);
  });
});

describe('what is asked for', () => {
  test.each([
    ['everything', {}, ['x', 'y'], true],
    ['one BPF', { ref: 'b/y' }, ['y'], false],
    ['a BPF that is not there', { ref: 'b/z' }, [], false],
    ['the own metrics', { own: 'only' as const }, [], true],
  ])('%s', async (_, options, names, own) => {
    const { exporter } = newExporter({ ownText: async () => '# TYPE own gauge\n' });
    exporter.add(hitsOf('a/x', mapOf(1)));
    exporter.add(hitsOf('b/y', mapOf(1)));
    const text = await textOf(exporter, options);
    expect(text.endsWith('# TYPE own gauge\n')).toBe(own);
    expect(namesIn(text.replace('# TYPE own gauge\n', ''))).toEqual(names);
  });

  test('nothing to export is an empty text', async () => {
    expect(await textOf(newExporter().exporter)).toBe('');
  });
});

test('a text that spans many pages, then a small one in the same pages', async () => {
  const { exporter } = newExporter();
  exporter.add(hitsOf('ns/b', mapOf(5_000)));
  const large = await textOf(exporter);
  expect(parseExposition(large).samples.map(({ labels, value }) => [labels['key'], value])).toEqual(
    Array.from({ length: 5_000 }, (_, i) => [String(i), String(i)]),
  );
  exporter.add(hitsOf('ns/b', mapOf(1)));
  expect(parseExposition(await textOf(exporter)).samples).toHaveLength(1);
});

test('the own metrics do not wait for maps', async () => {
  const { exporter } = newExporter({ ownText: async () => 'own' });
  const large = mapOf(20_000);
  exporter.add(hitsOf('ns/b', large));
  let done = false;
  const all = textOf(exporter).finally(() => {
    done = true;
  });
  expect(await textOf(exporter, { own: 'only' })).toBe('own');
  expect(done).toBe(false);
  await all;
});

test('no more is rendered while answers that nobody has taken yet hold too much', async () => {
  const { exporter } = newExporter({ maxUntakenBytes: 3 * pageBytes });
  exporter.add(hitsOf('ns/b', mapOf(5_000))); // two pages, and a small one
  const render = (): Promise<Rendering> => exporter.render(never, { budgetMs: 10_000 });
  const first = await render();
  const [second, shared] = await Promise.all([render(), render()]);
  await expect(render()).rejects.toMatchObject({ code: 'ScrapeRefused', facts: { reason: 'memory' } });
  second[Symbol.dispose]();
  await expect(render()).rejects.toMatchObject({ facts: { reason: 'memory' } });
  expect(await textOf(exporter, { own: 'only' })).toBe('');
  shared[Symbol.dispose]();
  using third = await render();
  expect(third.sizeBytes).toBe(first.sizeBytes);
  first[Symbol.dispose]();
});

test('a rendering stays as it is until it is disposed of, however many follow', async () => {
  const { exporter } = newExporter();
  exporter.add(hitsOf('ns/b', mapOf(2000)));
  const kept = await exporter.render(never, { budgetMs: 10_000 });
  const before = Buffer.concat(kept.chunks);
  exporter.add(hitsOf('ns/other', mapOf(3000)));
  await textOf(exporter);
  await textOf(exporter);
  expect(Buffer.concat(kept.chunks).equals(before)).toBe(true);
  expect(kept.sizeBytes).toBe(before.length);
  kept[Symbol.dispose]();
});

test('many keys that read alike are one series; the others keep theirs', async () => {
  const key = struct({ comm: array(char, 8) });
  const object = objectOf({ hits: { key, value: u64 } });
  const entries = Array.from({ length: 20_000 }, (_, i): Entry => {
    const bytes = Buffer.alloc(8);
    bytes.write(`c${i % 5000}`);
    // Behind NUL, where no label shows it.
    bytes.writeUInt8(Math.floor(i / 5000), 7);
    return [bytes, entry(0, 1)[1]];
  });
  const { exporter, notebook } = newExporter();
  exporter.add(
    bpfOf('ns/b', object, { hits: new MemoryMap({ name: 'hits', keySizeBytes: 8, valueSizeBytes: 8 }, entries) }),
  );
  const { samples } = parseExposition(await textOf(exporter));
  expect(new Set(samples.map(({ labels }) => labels['comm']))).toEqual(
    new Set(Array.from({ length: 5000 }, (_, i) => `c${i}`)),
  );
  expect(samples.every(({ value }) => value === '4')).toBe(true);
  expect(notebook.lines).toContain('written b: 5000, 15000 merged');
});
