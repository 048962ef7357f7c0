import type { Enumerators } from '../../../bpf/object/enumerators.ts';
import type { DecoderName, DecoderSpec } from '../../../crds/decoder.ts';
import { boolDecoder } from './bool.ts';
import { cgroupDecoder } from './cgroup.ts';
import type { Decoder, DecoderChain } from './decoder.ts';
import type { DecoderEnv } from './decoder-env.ts';
import { dnameDecoder } from './dname.ts';
import { enumDecoder } from './enum.ts';
import { errnoDecoder } from './errno.ts';
import { formatDecoder } from './format.ts';
import { hexDecoder } from './hex.ts';
import { ifnameDecoder } from './ifname.ts';
import { inetIpDecoder } from './inet-ip.ts';
import { intDecoder } from './int.ts';
import { ipportDecoder } from './ipport.ts';
import { ipprotoDecoder } from './ipproto.ts';
import { kstackDecoder } from './kstack.ts';
import { ksymDecoder } from './ksym.ts';
import { majorminorDecoder } from './majorminor.ts';
import { mkdevDecoder } from './mkdev.ts';
import { netnsDecoder } from './netns.ts';
import { pciClassDecoder, pciDeviceDecoder, pciSubclassDecoder, pciVendorDecoder } from './pci.ts';
import { regexpDecoder } from './regexp.ts';
import { staticMapDecoder } from './static-map.ts';
import { stringDecoder } from './string.ts';
import { syscallDecoder } from './syscall.ts';
import { uintDecoder } from './uint.ts';

/** Enums of the object's own, by name. */
type OwnEnums = ReadonlyMap<string, Enumerators>;

type DecoderFactory = (env: DecoderEnv, spec: DecoderSpec, own: OwnEnums) => Decoder;

/** Every decoder that a manifest may name. Parameters are there: the schema holds each to its decoder. */
export const decoders: Readonly<Record<DecoderName, DecoderFactory>> = {
  uint: uintDecoder,
  int: intDecoder,
  string: stringDecoder,
  hex: hexDecoder,
  bool: boolDecoder,
  inet_ip: inetIpDecoder,
  ipport: ipportDecoder,
  dname: dnameDecoder,
  ifname: ({ interfaces }) => ifnameDecoder(interfaces),
  netns: ({ namespaces }) => netnsDecoder(namespaces),
  majorminor: ({ partitions }) => majorminorDecoder(partitions),
  mkdev: ({ partitions }) => mkdevDecoder(partitions),
  ksym: ({ symbols }) => ksymDecoder(symbols),
  kstack: ({ symbols }) => kstackDecoder(symbols),
  enum: ({ enums }, { type = '' }, own) => enumDecoder(enums, type, own.get(type)),
  static_map: (_, { map = {}, allowUnknown = false }) => staticMapDecoder({ map, allowUnknown }),
  regexp: (_, { regexps = [] }) => regexpDecoder(regexps),
  format: (_, { format = '%s' }) => formatDecoder(format),
  ipproto: ipprotoDecoder,
  errno: errnoDecoder,
  syscall: ({ architecture }) => syscallDecoder(architecture),
  cgroup: ({ cgroups }) => cgroupDecoder(cgroups),
  pci_vendor: ({ pciIds }) => pciVendorDecoder(pciIds),
  pci_device: ({ pciIds }) => pciDeviceDecoder(pciIds),
  pci_class: ({ pciIds }) => pciClassDecoder(pciIds),
  pci_subclass: ({ pciIds }) => pciSubclassDecoder(pciIds),
};

/** Throws PatternError or FormatError for what the plan should have refused. */
export const makeDecoder = (spec: DecoderSpec, env: DecoderEnv, own: OwnEnums = new Map()): Decoder =>
  decoders[spec.name](env, spec, own);

/** One after the other, each taking what the one before gave; one that refuses ends it. Throws as `makeDecoder`. */
export function makeDecoders(specs: readonly DecoderSpec[], env: DecoderEnv, own?: OwnEnums): DecoderChain {
  const chain = specs.map((spec) => makeDecoder(spec, env, own));
  return {
    names: Array.from(new Set(chain.flatMap(({ names }) => names ?? []))),
    decode: (input) => {
      let bytes: Uint8Array | undefined = input;
      for (const decoder of chain) bytes = bytes && decoder.decode(bytes);
      return bytes;
    },
  };
}
