import { type Decoder, showing, textOf } from './decoder.ts';

export interface StaticMap {
  readonly map: Readonly<Record<string, string>>;
  readonly allowUnknown: boolean;
}

/** Text to text; what is not in the map is `unknown:TEXT`, or stays where that is allowed. */
export function staticMapDecoder({ map, allowUnknown }: StaticMap): Decoder {
  const names = new Map(Object.entries(map));
  return showing((input) => {
    const text = textOf(input);
    return names.get(text) ?? (allowUnknown ? text : `unknown:${text}`);
  });
}
