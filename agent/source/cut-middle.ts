const mark = ' … ';

/**
 * At most `maxLength` characters, as the API server counts them (code points), the middle taken out: what a message
 * begins with says which program it is about, and what it ends with is the verifier's last line, which is worth more.
 */
export function cutMiddle(text: string, maxLength: number): string {
  const characters = [...text.toWellFormed()];
  if (characters.length <= maxLength) return characters.join('');
  const left = maxLength - mark.length;
  const head = Math.floor(left / 3);
  return `${characters.slice(0, head).join('')}${mark}${characters.slice(-(left - head)).join('')}`;
}
