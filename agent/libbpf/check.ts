import { CodedError } from '../../runtime/errors.ts';
import type { Libbpf } from './binding.ts';

export interface LibbpfFacts {
  /** The C function that failed. */
  readonly call: string;
  /** Positive. libbpf's own numbers start at 4000. */
  readonly errno: number;
  /** `EPERM`, …; `LIBBPF_4005` for libbpf's own. */
  readonly name: string;
}

/** A C call said no. The message reads `call noun: EPERM: Operation not permitted`. */
export class LibbpfError extends CodedError<'LibbpfError', LibbpfFacts> {}

/** Error numbers by name, as many as our calls are known to give (asm-generic/errno-base.h and errno.h). */
export const errnoNames: Readonly<Record<number, string>> = {
  1: 'EPERM', 2: 'ENOENT', 3: 'ESRCH', 4: 'EINTR', 5: 'EIO', 6: 'ENXIO', 7: 'E2BIG', 9: 'EBADF', 11: 'EAGAIN',
  12: 'ENOMEM', 13: 'EACCES', 14: 'EFAULT', 16: 'EBUSY', 17: 'EEXIST', 19: 'ENODEV', 20: 'ENOTDIR', 22: 'EINVAL',
  23: 'ENFILE', 24: 'EMFILE', 28: 'ENOSPC', 30: 'EROFS', 34: 'ERANGE', 38: 'ENOSYS', 95: 'EOPNOTSUPP', 98: 'EADDRINUSE',
  105: 'ENOBUFS', 110: 'ETIMEDOUT', 116: 'ESTALE', 524: 'ENOTSUPP',
}; // biome-ignore format: a table

export const EPERM = 1;
export const ENOENT = 2;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EOPNOTSUPP = 95;
export const ENOTSUPP = 524;

/** The value of a call that returns an int, or a LibbpfError for a negative one. */
export function checkInt(lib: Libbpf, call: string, noun: string, result: number): number {
  if (result >= 0) return result;
  throw libbpfError(lib, call, noun, -result);
}

/** The value of a call that returns a pointer, or a LibbpfError with errno for null. */
export function checkPointer<T>(lib: Libbpf, call: string, noun: string, pointer: T | null): T {
  if (pointer !== null) return pointer;
  throw libbpfError(lib, call, noun, lib.errno());
}

/** The value of a libc call that says −1 and sets errno. */
export function checkErrno(lib: Libbpf, call: string, noun: string, result: number): number {
  if (result >= 0) return result;
  throw libbpfError(lib, call, noun, lib.errno());
}

export function libbpfError(lib: Libbpf, call: string, noun: string, errno: number): LibbpfError {
  const name = errnoNames[errno] ?? (errno >= firstLibbpfErrno ? `LIBBPF_${errno}` : `errno ${errno}`);
  return new LibbpfError('LibbpfError', `${call} ${noun}: ${name}: ${lib.libbpf_strerror(errno)}`, {
    call,
    errno,
    name,
  });
}

/** libbpf.h: `__LIBBPF_ERRNO__START`. */
const firstLibbpfErrno = 4000;
