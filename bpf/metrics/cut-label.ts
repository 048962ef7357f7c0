import { maxLabelValueBytes } from './plan.ts';

/** A label's value as it is shown: well-formed, and cut at a character's boundary. Two that are cut alike are one. */
export function cutLabel(text: string): string {
  const whole = text.toWellFormed();
  const encoder = new TextEncoder();
  if (encoder.encode(whole).length <= maxLabelValueBytes) return whole;
  let kept = '';
  let sizeBytes = 0;
  for (const character of whole) {
    sizeBytes += encoder.encode(character).length;
    if (sizeBytes > maxLabelValueBytes) break;
    kept += character;
  }
  return kept;
}
