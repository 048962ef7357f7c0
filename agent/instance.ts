import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../runtime/errors.ts';
import { sha256 } from '../runtime/sha256.ts';
import type { Libbpf } from './libbpf/binding.ts';
import { EAGAIN, libbpfError } from './libbpf/check.ts';

// sys/file.h
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

const maxInstanceName = 63;

/** Another agent on this host has the same instance: the two would take over each other's maps. */
export class InstanceTaken extends CodedError<
  'InstanceTaken',
  { readonly instance: string; readonly holder: string }
> {}

/**
 * The instance's name as a folder: what is outside `[a-z0-9_-]` becomes `_`, and then the first 8 hex digits of the
 * original's SHA-256 keep two originals apart (bpffs refuses dots).
 */
export function instanceFolder(instance: string): string {
  if (/^[a-z0-9_-]+$/.test(instance) && instance.length <= maxInstanceName) return instance;
  const hash = sha256(Buffer.from(instance)).slice(0, 8);
  return `${instance.replace(/[^a-z0-9_-]/g, '_').slice(0, maxInstanceName)}-${hash}`;
}

/** The folder of one instance below the state folder, held by a lock for as long as this process lives. */
export class Instance implements Disposable {
  readonly name: string;
  readonly folder: string;
  readonly #lib: Libbpf;
  #lockFd: number;

  /** Throws InstanceTaken, naming the process that holds it. */
  constructor(lib: Libbpf, stateDir: string, instance: string) {
    this.#lib = lib;
    this.name = instanceFolder(instance);
    this.folder = join(stateDir, this.name);
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    const path = join(this.folder, 'lock');
    // Not truncated on open: until we have the lock it tells who holds it.
    this.#lockFd = openSync(path, 'a+');
    if (lib.flock(this.#lockFd, LOCK_EX | LOCK_NB) !== 0) {
      const errno = lib.errno();
      closeSync(this.#lockFd);
      if (errno !== EAGAIN) throw libbpfError(lib, 'flock', path, errno);
      const holder = readFileSync(path, 'utf8').trim();
      throw new InstanceTaken(
        'InstanceTaken',
        `lock ${path}: another agent has instance ${instance}: ${holder} [stop it, or give this one --instance NAME]`,
        { instance, holder },
      );
    }
    ftruncateSync(this.#lockFd);
    writeSync(this.#lockFd, `pid ${process.pid}\n`);
  }

  /** Removes all that this instance keeps on disk. The lock goes with it. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    if (this.#lockFd < 0) return;
    this.#lib.flock(this.#lockFd, LOCK_UN);
    closeSync(this.#lockFd);
    this.#lockFd = -1;
  }
}
