import type { NumberReading } from '../../bpf/metrics/plan.ts';
import type { Digits } from './digits.ts';
import type { NumberReader } from './numbers.ts';

/** How this table's numbers are read and shown. */
export interface TableTools {
  readonly digits: Digits;
  readonly read: (reading: NumberReading) => NumberReader;
  /** Of an average: how many CPUs were added up. */
  readonly divisor: number;
}
