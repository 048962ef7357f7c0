/** Milliseconds of a duration as Go writes it, of the form that `expireAfter` has: `90s`, `1h30m`, `0`. */
export function durationMs(text: string): number {
  return Array.from(text.matchAll(/([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)/g)).reduce(
    (sum, [, number, unit]) => sum + Number(number) * unitMs(unit),
    0,
  );
}

function unitMs(unit: string | undefined): number {
  switch (unit) {
    case 'h':
      return 3_600_000;
    case 'm':
      return 60_000;
    case 's':
      return 1000;
    default:
      return 1;
  }
}
