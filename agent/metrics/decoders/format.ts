import { formatNumber, parseNumberFormat } from '../../../bpf/metrics/decoder-format.ts';
import { type Decoder, showing, textOf } from './decoder.ts';
import { integerIn } from './numbers-in.ts';

/** A number to text as C's printf writes it: `6` under `%05u` is `00006`. What is no number fits only `%s`. Throws FormatError. */
export function formatDecoder(format: string): Decoder {
  const parsed = parseNumberFormat(format);
  return showing((input) => {
    const text = textOf(input);
    return formatNumber(parsed, text, integerIn(text));
  });
}
