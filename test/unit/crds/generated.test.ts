import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crdFiles } from '../../../tools/generate-crds.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('crds/generated', () => {
  test.each([...crdFiles()])('%s is what the schemas say', (path, text) => {
    expect(readFileSync(root + path, 'utf8')).toBe(text);
  });

  test('holds nothing else', () => {
    const files = readdirSync(`${root}crds/generated`).map((file) => `crds/generated/${file}`);
    expect(files.sort()).toEqual([...crdFiles().keys()].sort());
  });
});
