import { type PageCounts, PagedText, PagePool, pageBytes } from '../../../../agent/metrics/pages.ts';

/** A text of so many pages, the first of them small; `reserve` never looks at what is written. */
function filled(pool: PagePool, pages: number): PagedText {
  const text = new PagedText(pool);
  text.reserve(1);
  for (let page = 1; page < pages; page++) {
    text.at = text.view.byteLength;
    text.reserve(pageBytes);
  }
  text.at = 1;
  return text;
}

/** One render: notes what it used, gives it back. */
function render(pool: PagePool, pages: number): Set<DataView> {
  const text = filled(pool, pages);
  const views = viewsOf(text);
  pool.note(text.pageCounts);
  text.release();
  return views;
}

const viewsOf = (text: PagedText): Set<DataView> => new Set(text.chunks().map(({ buffer }) => buffer as never));

describe('pages of one render', () => {
  test('are filled by the next, whatever it asks for', () => {
    const pool = new PagePool();
    const first = render(pool, 100);
    const second = render(pool, 100);
    expect(second.isSubsetOf(first)).toBe(true);
    expect(render(pool, 3).isSubsetOf(first)).toBe(true);
    expect(render(pool, 100).isSubsetOf(first)).toBe(true);
  });

  test.each<[string, readonly number[], boolean]>([
    ['that some render needed since the last trim are kept', [100, 2], true],
    ['that none needed are not', [2, 2], false],
  ])('%s', (_, sizes, kept) => {
    const pool = new PagePool();
    const first = render(pool, 100);
    pool.trim();
    for (const pages of sizes) render(pool, pages);
    pool.trim();
    expect(render(pool, 100).isSubsetOf(first)).toBe(kept);
  });
});

test('what is taken and what is dropped is known in bytes', () => {
  let dropped = 0;
  const pool = new PagePool((sizeBytes) => {
    dropped += sizeBytes;
  });
  const [one, two] = [filled(pool, 11), filled(pool, 11)];
  expect(pool.takenBytes).toBe(2 * (4096 + 10 * pageBytes));
  pool.note(one.pageCounts);
  one.release();
  expect([pool.takenBytes, dropped]).toEqual([4096 + 10 * pageBytes, 0]);
  // As many are kept as one render needed, and what the next ones do not need goes.
  two.release();
  expect([pool.takenBytes, dropped]).toEqual([0, 10 * pageBytes]);
  pool.trim();
  pool.trim();
  expect([pool.takenBytes, dropped]).toEqual([0, 16 * pageBytes]);
});

test('a text’s pages are counted by their size', () => {
  const counts: PageCounts = filled(new PagePool(), 3).pageCounts;
  expect(counts).toEqual({ small: 1, large: 2 });
});
