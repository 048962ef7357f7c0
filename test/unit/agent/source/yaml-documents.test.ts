import { maxDocuments, readYamlDocuments, TooManyDocuments } from '../../../../agent/source/yaml-documents.ts';
import { yamlScalars } from '../../../fixtures/yaml-corpus.ts';

const read = (text: string) => {
  const [document] = readYamlDocuments(text);
  return document?.type === 'value' ? document.value : document;
};

describe('a scalar is what kubectl takes it for', () => {
  // test/apiserver/agent-source.test.ts holds the same table against a real kubectl.
  test.each(yamlScalars)('%j is %j', (scalar, value) => {
    expect(read(`a: ${scalar}`)).toEqual({ a: value });
  });

  test.each([
    ['yes: 1', { true: 1 }],
    ['y: 1', { true: 1 }],
    ['010: 1', { 8: 1 }],
    ['"010": 1', { '010': 1 }],
    ['2001-01-01: 1', { '2001-01-01': 1 }],
  ])('a key as well: %j', (text, value) => {
    expect(read(text)).toEqual(value);
  });

  test('what is no JSON is not passed off as text', () => {
    expect(read('a: .nan')).toEqual({ a: Number.NaN });
    expect(read('a: -.inf')).toEqual({ a: -Infinity });
  });
});

describe('JSON is YAML', () => {
  test('with tabs, escapes and a surrogate pair', () => {
    expect(read('{\n\t"a": "x\\/y\\ud83d\\ude00",\n\t"b": [1, true, null]\n}\n')).toEqual({
      a: 'x/y😀',
      b: [1, true, null],
    });
  });
});

describe('documents of a file', () => {
  const facts = (text: string) =>
    readYamlDocuments(text).map((document) =>
      document.type === 'value'
        ? [document.number, document.line, document.value]
        : [document.number, document.line, document.message],
    );

  test.each<[string, string, unknown[]]>([
    ['nothing', '', []],
    ['only comments', '# a\n---\n# b\n---\n', []],
    ['one', 'a: 1', [[1, 1, { a: 1 }]]],
    [
      'empty ones do not count',
      '---\n---\na: 1\n---\n# nothing\n---\nb: 1\n',
      [
        [1, 3, { a: 1 }],
        [2, 7, { b: 1 }],
      ],
    ],
    [
      'a comment on the separator',
      'a: 1\n--- # b\nb: 1',
      [
        [1, 1, { a: 1 }],
        [2, 3, { b: 1 }],
      ],
    ],
    [
      'Windows line ends',
      'a: 1\r\n---\r\nb: 1\r\n',
      [
        [1, 1, { a: 1 }],
        [2, 3, { b: 1 }],
      ],
    ],
    ['a byte order mark', '\ufeffa: 1', [[1, 1, { a: 1 }]]],
    ['--- inside a line', 'a: x---\nb: |\n  ---\n', [[1, 1, { a: 'x---', b: '---\n' }]]],
    [
      'a broken one leaves the others',
      'a: 1\n---\nb: "\n---\nc: 1\n',
      [
        [1, 1, { a: 1 }],
        [2, 3, expect.stringMatching(/^line \d: /)],
        [3, 5, { c: 1 }],
      ],
    ],
  ])('%s', (_what, text, expected) => {
    expect(facts(text)).toEqual(expected);
  });

  test.each([
    ['a: [1', /^line 1: .*\]/],
    ['a: 1\nb:\n\t- 2', /^line 3: Tabs are not allowed/],
    ['a: 1\n...\nb: 1', /^line 3: another document without a line of ---/],
    ['x: 1\na: *b', /Unresolved alias/],
    ['a: 1\nb: {c: 1, c: 2}', /^line 2: key "c" stands twice/],
    ['yes: 1\ntrue: 2', /^line 2: key "true" stands twice/],
    ['1: a\n"1": b', /^line 2: key "1" stands twice/],
  ])('%j cannot be read, and the line is named', (text, message) => {
    expect(readYamlDocuments(text)).toEqual([
      { number: 1, line: 1, type: 'unreadable', message: expect.stringMatching(message) },
    ]);
  });

  test('nesting deeper than the stack is an error like any other', () => {
    const text = `a: ${'['.repeat(50_000)}`;
    expect(readYamlDocuments(text)).toMatchObject([{ type: 'unreadable', message: 'line 1: nested too deeply' }]);
  });

  test('the line is that of the file', () => {
    expect(readYamlDocuments('a: 1\n---\nb: 1\nc: {')).toMatchObject([
      {},
      { line: 3, message: expect.stringMatching(/^line 4: /) },
    ]);
  });

  test('aliases are followed, merged, and not to the end of memory', () => {
    expect(read('a: &a {x: 1}\nb: *a\nc:\n  <<: *a\n  z: 2')).toEqual({
      a: { x: 1 },
      b: { x: 1 },
      c: { x: 1, z: 2 },
    });
    const levels = [...'abcdefgh'].map((name, i, names) => {
      const item = i === 0 ? 'x' : `*${names[i - 1]}`;
      return `${name}: &${name} [${Array.from({ length: 10 }, () => item).join(',')}]`;
    });
    expect(readYamlDocuments(levels.join('\n'))).toMatchObject([
      { type: 'unreadable', message: expect.stringMatching(/alias count/) },
    ]);
  });

  test('a key of an object cannot reach its prototype', () => {
    expect(JSON.stringify(read('__proto__: {a: 1}'))).toBe('{"__proto__":{"a":1}}');
  });

  test('there may be so many and no more', () => {
    const documents = (count: number) => 'a: 1\n---\n'.repeat(count);
    expect(readYamlDocuments(documents(maxDocuments))).toHaveLength(maxDocuments);
    expect(() => readYamlDocuments(documents(maxDocuments + 1))).toThrow(TooManyDocuments);
  });
});
