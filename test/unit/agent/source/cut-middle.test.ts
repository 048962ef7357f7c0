import { cutMiddle } from '../../../../agent/source/cut-middle.ts';

describe('a message that is too long', () => {
  test.each([
    ['abcdefghijkl', 12, 'abcdefghijkl'],
    ['abcdefghijklm', 12, 'abc … hijklm'],
    ['😀'.repeat(13), 12, `${'😀'.repeat(3)} … ${'😀'.repeat(6)}`],
    ['a\ud800b', 12, 'a\ufffdb'],
    ['', 12, ''],
  ])('%j in %i characters is %j', (text, maxLength, expected) => {
    expect(cutMiddle(text, maxLength)).toBe(expected);
    expect([...cutMiddle(text, maxLength)].length).toBeLessThanOrEqual(maxLength);
  });

  test("keeps the program's name and the verifier's last line", () => {
    const name = 'a'.repeat(63);
    const last = "invalid mem access 'scalar' at insn 14: (79) r1 = *(u64 *)(r1 +8)";
    const text = cutMiddle(`program ${name}: ${'R1=ctx() R10=fp0; '.repeat(40)}: ${last}`, 256);
    expect(text).toHaveLength(256);
    expect(text).toContain(name);
    expect(text.endsWith(last)).toBe(true);
  });
});
