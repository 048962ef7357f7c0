/** metav1.MicroTime: exactly six fractional digits; a Lease with any other number is refused with 400. */
export function toMicroTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/(\.\d{3})Z$/, '$1000Z');
}
