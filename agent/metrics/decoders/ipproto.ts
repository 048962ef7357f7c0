import { type Decoder, showing, textOf } from './decoder.ts';

/** IANA's protocol numbers that a kernel of today may see (include/uapi/linux/in.h), by the names of /etc/protocols. */
const protocols: ReadonlyMap<string, string> = new Map(
  Object.entries({
    0: 'ip',
    1: 'icmp',
    2: 'igmp',
    4: 'ipencap',
    6: 'tcp',
    8: 'egp',
    12: 'pup',
    17: 'udp',
    22: 'idp',
    29: 'tp',
    33: 'dccp',
    41: 'ipv6',
    43: 'ipv6-route',
    44: 'ipv6-frag',
    46: 'rsvp',
    47: 'gre',
    50: 'esp',
    51: 'ah',
    58: 'ipv6-icmp',
    59: 'ipv6-nonxt',
    60: 'ipv6-opts',
    88: 'eigrp',
    89: 'ospf',
    92: 'mtp',
    94: 'beetph',
    98: 'encap',
    103: 'pim',
    108: 'ipcomp',
    112: 'vrrp',
    115: 'l2tp',
    132: 'sctp',
    135: 'mobility-header',
    136: 'udplite',
    137: 'mpls-in-ip',
    143: 'ethernet',
    144: 'aggfrag',
    255: 'raw',
    256: 'smc',
    262: 'mptcp',
  }),
);

/** `6` to `tcp`; a number without a name stays. */
export const ipprotoDecoder = (): Decoder =>
  showing((input) => {
    const number = textOf(input);
    return protocols.get(number) ?? number;
  });
