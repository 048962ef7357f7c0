import { loadLibbpf } from '../../agent/libbpf/ffi.ts';

/**
 * A process that inserts and deletes keys `from` to `to` of a pinned map without end, and says how often when asked.
 * Key i has value i × 3. Usage: churn.ts PIN FROM TO
 */
const [pin = '', from = 0, to = 0] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const lib = loadLibbpf();
const fd = lib.bpf_obj_get(pin);
if (fd < 0) throw new Error(`open ${pin}: ${lib.libbpf_strerror(-fd)}`);
const key = Buffer.alloc(4);
const value = Buffer.alloc(8);
let operations = 0;

function round(): void {
  for (let i = from; i < to; i++) {
    key.writeUInt32LE(i);
    value.writeBigUInt64LE(BigInt(i * 3));
    lib.bpf_map_update_elem(fd, key, value, 0);
    if (i % 2 === 0) lib.bpf_map_delete_elem(fd, key);
    operations++;
  }
  for (let i = from; i < to; i++) {
    key.writeUInt32LE(i);
    lib.bpf_map_delete_elem(fd, key);
    operations++;
  }
  setImmediate(round);
}

process.on('message', () => process.send?.(operations));
process.on('disconnect', () => process.exit());
round();
