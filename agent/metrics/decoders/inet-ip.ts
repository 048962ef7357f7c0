import { type Decoder, showing, unreadable } from './decoder.ts';
import { ipAddress } from './ip-address.ts';

/** 4 or 16 bytes in network order to an address. */
export const inetIpDecoder = (): Decoder => showing((input) => ipAddress(input) ?? unreadable(input));
