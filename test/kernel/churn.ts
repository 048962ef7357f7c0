import { checkInt } from '../../agent/libbpf/check.ts';
import { loadLibbpf } from '../../agent/libbpf/ffi.ts';
import { type MapShape, NumberedMap } from './numbered-map.ts';

/**
 * A process that inserts and deletes keys `from` to `to` of a pinned map of shapes.bpf.c without end, and says how often
 * when asked. Usage: churn.ts PIN SHAPE FROM TO
 */
const [, , pin = '', shape = '', from = '', to = ''] = process.argv;
const lib = loadLibbpf();
const map = new NumberedMap(lib, checkInt(lib, 'bpf_obj_get', pin, lib.bpf_obj_get(pin)), shape as MapShape);
let operations = 0;

function round(): void {
  for (let i = Number(from); i < Number(to); i++) {
    map.insert(i);
    if (i % 2 === 0) map.delete(i);
    operations++;
  }
  for (let i = Number(from); i < Number(to); i++) {
    map.delete(i);
    operations++;
  }
  setImmediate(round);
}

process.on('message', () => process.send?.(operations));
process.on('disconnect', () => process.exit());
round();
