/** Text around one number: `0x%04x`. */
export interface NumberFormat {
  readonly before: string;
  readonly after: string;
  readonly conversion: Conversion;
  /** At least so many characters. */
  readonly width: number;
  /** What fills up to the width; with `left`, blanks behind. */
  readonly zeros: boolean;
  readonly left: boolean;
}

type Conversion = 'd' | 'u' | 'x' | 'X' | 'o' | 's';

/** What is wrong with a format, for the person who wrote it. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
}

/** More than a u64 in octal, and than any label needs. */
const maxWidth = 64;

const conversions: ReadonlySet<string> = new Set<Conversion>(['d', 'u', 'x', 'X', 'o', 's']);
const isConversion = (character: string): character is Conversion => conversions.has(character);
const isDigit = (character = ''): boolean => character >= '0' && character <= '9' && character.length === 1;

/** `%%` is a percent sign; exactly one `%[-][0][width]{d,u,x,X,o,s}`. Throws FormatError. */
export function parseNumberFormat(text: string): NumberFormat {
  let found: Omit<NumberFormat, 'before' | 'after'> | undefined;
  const around = ['', ''];
  for (let at = 0; at < text.length; at++) {
    const side = found === undefined ? 0 : 1;
    const character = text[at] ?? '';
    if (character !== '%') {
      around[side] += character;
      continue;
    }
    if (text[at + 1] === '%') {
      around[side] += '%';
      at++;
      continue;
    }
    if (found !== undefined) throw new FormatError('more than one number in it');
    const left = text[at + 1] === '-';
    if (left) at++;
    const zeros = text[at + 1] === '0';
    if (zeros) at++;
    let width = 0;
    while (isDigit(text[at + 1]) && width <= maxWidth) width = width * 10 + Number(text[++at]);
    if (width > maxWidth) throw new FormatError(`wider than ${maxWidth}`);
    const conversion = text[++at] ?? '';
    if (!isConversion(conversion)) throw new FormatError(`%${conversion}: there are %d, %u, %x, %X, %o, %s and %%`);
    found = { conversion, width, zeros: zeros && !left && conversion !== 's', left };
  }
  if (found === undefined) throw new FormatError('no number in it, such as %d');
  const [before = '', after = ''] = around;
  return { before, after, ...found };
}

/** `number` is what `text` says, undefined where it is no number: that is shown as it is. */
export function formatNumber(format: NumberFormat, text: string, number: bigint | undefined): string {
  const { conversion, width } = format;
  const plain = conversion === 's' || number === undefined;
  const negative = !plain && number < 0n && conversion === 'd';
  const digits = plain ? text : digitsOf(negative ? -number : number, conversion);
  const sign = negative ? '-' : '';
  const shown =
    format.zeros && !plain
      ? sign + digits.padStart(width - sign.length, '0')
      : (sign + digits).padStart(format.left ? 0 : width);
  return format.before + shown.padEnd(format.left ? width : 0) + format.after;
}

const radixes = { d: 10, u: 10, x: 16, X: 16, o: 8 } as const;

/** As in C, an unsigned conversion shows the two's complement, here always of 64 bits. */
function digitsOf(number: bigint, conversion: keyof typeof radixes): string {
  const unsigned = BigInt.asUintN(64, number).toString(radixes[conversion]);
  return conversion === 'X' ? unsigned.toUpperCase() : unsigned;
}
