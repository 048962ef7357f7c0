import { type Decoder, showing, unreadable } from './decoder.ts';
import { ipAddress } from './ip-address.ts';

const portBytes = 2;
/** An address and its port, without and with the padding that a struct of a u32 and a u16 has. */
const addressBytes: ReadonlyMap<number, number> = new Map([
  [6, 4],
  [8, 4],
  [18, 16],
  [20, 16],
]);

/** An address and the port behind it, both in network order: `192.0.2.1:443`, `[2001:db8::1]:443`. */
export const ipportDecoder = (): Decoder =>
  showing((input) => {
    const length = addressBytes.get(input.length) ?? 0;
    const address = ipAddress(input.subarray(0, length));
    if (address === undefined) return unreadable(input);
    const [high = 0, low = 0] = input.subarray(length, length + portBytes);
    return `${address.includes(':') ? `[${address}]` : address}:${(high << 8) | low}`;
  });
