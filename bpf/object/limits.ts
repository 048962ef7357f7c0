/** Every limit on what an object may hold. An object past one of them is refused by name; none of them is reached by accident. */

/** An object, inflated (design: agent, "One load"). Real ones are a few MiB at most, debug information included. */
export const maxObjectBytes = 16 * 1024 * 1024;

/** A BTF blob on its own: /sys/kernel/btf/vmlinux is 5 to 15 MiB. One of an object is within its object. */
export const maxBtfBytes = 64 * 1024 * 1024;

/** Below the 0xff00 from which ELF needs extended numbering, which no compiler writes for BPF. A section is a program or two. */
export const maxSections = 4096;

/** Every basic block may leave a label; a program has at most 1,000,000 instructions (BPF_COMPLEXITY_LIMIT_INSNS). */
export const maxSymbols = 1_000_000;

/** Functions, maps and variables: what is kept of the symbols. Labels are skipped. */
export const maxNamedSymbols = 65_536;

/** The kernel's KSYM_NAME_LEN: it refuses longer names of functions, types and members in BTF. */
export const maxNameBytes = 512;

/** A section may be named after a path (`uprobe//usr/lib/…:symbol`): PATH_MAX. */
export const maxSectionNameBytes = 4096;

/** All names decoded from one string table: it may be read from every offset, so its own size is no bound. */
export const maxDecodedNameBytes = 16 * 1024 * 1024;

/** Far above real objects, whose programs are counted in tens; each is a link and two file descriptors of the agent. */
export const maxPrograms = 4096;

/** Far above real objects as well; each is kernel memory and a file descriptor of the agent. */
export const maxMaps = 4096;

/** Variables in data sections, over all sections. */
export const maxGlobals = 65_536;

/** The kernel's BTF_MAX_TYPE (include/uapi/linux/btf.h). vmlinux has about 150,000 types. */
export const maxTypes = 0x000f_ffff;

/**
 * Types inside types, typedefs and modifiers included. The kernel resolves at most 32 at a time (MAX_RESOLVE_DEPTH in
 * kernel/bpf/btf.c), but from the innermost out, and its own BTF goes a little deeper.
 */
export const maxTypeDepth = 64;

/**
 * Members of one layout when every nested struct and union is unfolded, so that whoever walks a layout ends in time:
 * thirty unions of the one before twice are 2^30 members in a few hundred bytes. The kernel's own largest unfolds to
 * 2,700.
 */
export const maxLayoutMembers = 65_536;

/**
 * Members and enumerators decoded from one type table, each once: about 100 bytes of memory each, so 25 MiB. All of a
 * small kernel's BTF are 90,000; an object's maps and globals come to hundreds.
 */
export const maxDecodedMembers = 262_144;

/** Sizes in BTF are u32. */
export const maxTypeSizeBytes = 0xffff_ffff;

/** The kernel copies at most 128 bytes of license (kernel/bpf/syscall.c, bpf_prog_load). */
export const maxLicenseBytes = 128;
