/** Where in a folder of manifests something stands. */
export interface Place {
  /** Its name in the folder. */
  readonly file: string;
  /** Which of the file, from 1. */
  readonly document: number;
  /** Of the file, where the document starts, from 1. */
  readonly line: number;
  /** Which of a List's items, from 1; with dots where Lists are nested. */
  readonly item?: string;
}

/** `a.yaml, document 2 (line 14), item 3`. */
export const placeText = ({ file, document, line, item }: Place): string =>
  `${file}, document ${document} (line ${line})${item === undefined ? '' : `, item ${item}`}`;
