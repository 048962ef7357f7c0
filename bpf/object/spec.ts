import type { ProgramType } from './section-names.ts';

/**
 * What an eBPF object says, read from its bytes alone: the same ELF gives the same spec on every machine.
 * Everything here is plain data; `readObject` makes it, and whoever reads it may trust it.
 */
export interface ObjectSpec {
  /** Text of the `license` section up to NUL; undefined where there is none. */
  readonly license: string | undefined;
  /** The `version` section's u32 (0xFFFFFFFE and 0xFFFFFFFF mean "the running kernel"); undefined where there is none. */
  readonly kernelVersion: number | undefined;
  /** Maps in SEC("maps") or SEC("maps/…"): `upgradeLegacy` must make it a modern object before libbpf sees it. */
  readonly legacy: boolean;
  readonly hasBtf: boolean;
  readonly hasBtfExt: boolean;
  /** CO-RE relocations in .BTF.ext: such an object needs the running kernel's BTF. */
  readonly hasCoreRelocations: boolean;
  /** In order of section, then offset. */
  readonly programs: readonly ProgramSpec[];
  /** Declared maps only, in order of offset; the maps that libbpf makes of .bss, .data and .rodata are in `globals`. */
  readonly maps: readonly MapSpec[];
  readonly globals: readonly GlobalSpec[];
  /** Empty (only void) without BTF. */
  readonly types: TypeTable;
}

export interface ProgramSpec {
  /** The C function's name. */
  readonly name: string;
  /** The ELF section's name as written, e.g. `tracepoint/syscalls/sys_enter_write`, `socket/prog`. */
  readonly section: string;
  /** What the section's name says, by libbpf's table and the bcc-era names: `socket_filter`, `tracepoint`, …; `unspec` where it says nothing. */
  readonly type: ProgramType;
  readonly insnCount: number;
}

export interface MapSpec {
  /** The variable's name; of a legacy map the section's suffix where there is one. */
  readonly name: string;
  /** BPF_MAP_TYPE_*, as the kernel numbers them (include/uapi/linux/bpf.h). */
  readonly type: number;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  readonly maxEntries: number;
  /** BPF_F_* creation flags. */
  readonly flags: number;
  /** BTF type ids of `__type(key, …)` and `__type(value, …)`; undefined where only a size is given. */
  readonly keyTypeId: number | undefined;
  readonly valueTypeId: number | undefined;
}

export interface GlobalSpec {
  readonly name: string;
  /** `.rodata`, `.data`, `.bss`, or one of their named kin such as `.data.foo`. */
  readonly section: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
  readonly typeId: number;
  readonly linkage: 'static' | 'global' | 'extern';
}

/** A BTF type table. Ids start at 1; 0 is void. */
export interface TypeTable {
  readonly count: number;
  /** The type's layout with typedefs and modifiers resolved. Throws ObjectError for an id that is not there. */
  layout(typeId: number): Layout;
  /** The type's own name as C would print it (typedef names kept); '' for anonymous. */
  nameOf(typeId: number): string;
}

/** How bytes of a type are to be read. Offsets are in bytes from the start of the enclosing value. */
export type Layout =
  | {
      readonly kind: 'int';
      readonly sizeBytes: number;
      readonly signed: boolean;
      readonly encoding: 'int' | 'char' | 'bool';
    }
  | {
      readonly kind: 'enum';
      readonly sizeBytes: number;
      readonly signed: boolean;
      readonly enumerators: ReadonlyMap<bigint, string>;
    }
  | { readonly kind: 'float'; readonly sizeBytes: number }
  | { readonly kind: 'pointer'; readonly sizeBytes: number }
  | { readonly kind: 'array'; readonly sizeBytes: number; readonly element: Layout; readonly count: number }
  | {
      readonly kind: 'struct' | 'union';
      readonly sizeBytes: number;
      readonly name: string;
      readonly members: readonly MemberLayout[];
    }
  | { readonly kind: 'opaque'; readonly sizeBytes: number }; // forward declaration, function, void: nothing to read

export interface MemberLayout {
  /** '' for an anonymous struct or union, whose members count as the enclosing type's. */
  readonly name: string;
  readonly offsetBytes: number;
  /** Of a bitfield: the bits from `offsetBytes × 8 + bitOffset`, `bitSize` long, little-endian numbering (LSB first). */
  readonly bitfield: { readonly bitOffset: number; readonly bitSize: number } | undefined;
  readonly layout: Layout;
}
