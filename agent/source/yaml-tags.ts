import type { ScalarTag } from 'yaml';

/**
 * What a plain YAML scalar is, as kubectl sees it: kubectl reads YAML with sigs.k8s.io/yaml, that with go-yaml v2, whose
 * rules (https://github.com/yaml/go-yaml/blob/v2.4.2/resolve.go, `resolve`) are YAML 1.1 without its base 60 numbers. Its
 * timestamps come out as the text they were. Here in the order in which a scalar is held against them; what none of them
 * takes is text.
 */
export const kubectlTags: readonly ScalarTag[] = [
  {
    tag: 'tag:yaml.org,2002:null',
    default: true,
    test: /^(?:~|null|Null|NULL)?$/,
    resolve: () => null,
  },
  {
    tag: 'tag:yaml.org,2002:bool',
    default: true,
    test: /^(?:y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON|n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/,
    resolve: (text) => /^(?:y|t|on)/i.test(text),
  },
  {
    // Go's strconv.ParseInt with base 0, underscores taken out before: `010` is 8.
    tag: 'tag:yaml.org,2002:int',
    default: true,
    test: /^[-+]?(?:0[bB][01_]*[01]_*|0[xX][\da-fA-F_]*[\da-fA-F]_*|0[oO]?[0-7_]*[0-7]_*|0_*|[1-9][\d_]*)$/,
    resolve: readInteger,
  },
  {
    tag: 'tag:yaml.org,2002:float',
    default: true,
    test: /^[-+]?(?:\.\d+|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?$/,
    resolve: (text) => {
      const value = Number(text.replaceAll('_', ''));
      return Number.isFinite(value) ? value : text; // what does not fit into a float64 stays text there
    },
  },
  {
    tag: 'tag:yaml.org,2002:float',
    default: true,
    test: /^(?:[-+]?\.(?:inf|Inf|INF)|\.nan|\.NaN|\.NAN)$/,
    resolve: (text) => (/nan/i.test(text) ? Number.NaN : text.startsWith('-') ? -Infinity : Infinity),
  },
  {
    tag: 'tag:yaml.org,2002:binary',
    default: false,
    resolve: (text) => Buffer.from(text, 'base64').toString(),
  },
];

function readInteger(text: string): number {
  const plain = text.replaceAll('_', '');
  const digits = plain.replace(/^[-+]/, '');
  const octal = /^0[oO]?([0-7]+)$/.exec(digits);
  const magnitude = octal?.[1] === undefined ? Number(digits) : Number.parseInt(octal[1], 8);
  return plain.startsWith('-') && magnitude !== 0 ? -magnitude : magnitude; // an integer has no -0
}
