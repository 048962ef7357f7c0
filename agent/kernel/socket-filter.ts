import type { Libbpf } from '../libbpf/binding.ts';
import { checkErrno } from '../libbpf/check.ts';
import type { Attachment } from './attachment.ts';
import type { LoadedProgram } from './kernel-object.ts';

// linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_ATTACH_BPF = 50;
const ETH_P_ALL = 0x0003;
const sockaddrLlBytes = 20;

/** Any socket filter can take over from another: SO_ATTACH_BPF on a socket that has one replaces it at once. */
export const socketFilterSlot = 'socket_filter';

/**
 * Runs a socket filter on the packets of every interface, through one packet socket. The filter is there before the socket
 * is bound, so that it sees each packet from the first and no unfiltered one is queued; nobody reads the socket, so its
 * queue has the least room that the kernel gives (packet_rcv runs the filter before it looks for room).
 */
export function attachSocketFilter(lib: Libbpf, program: LoadedProgram): Attachment {
  const noun = `for program ${program.name}`;
  let current = program.name;
  // Protocol 0: receives nothing until bound.
  let fd = checkErrno(lib, 'socket', noun, lib.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const attach = (next: LoadedProgram): void => {
    const result = lib.setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, int32(next.fd));
    checkErrno(lib, 'setsockopt SO_ATTACH_BPF', `for program ${next.name}`, result);
  };
  const close = (): void => {
    if (fd < 0) return;
    lib.close(fd);
    fd = -1;
  };
  try {
    checkErrno(lib, 'setsockopt SO_RCVBUF', noun, lib.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(0)));
    attach(program);
    checkErrno(lib, 'bind packet socket', noun, lib.bind(fd, anyInterface()));
  } catch (thrown) {
    close();
    throw thrown;
  }
  return {
    get program() {
      return current;
    },
    slot: socketFilterSlot,
    replace: (next) => {
      attach(next);
      current = next.name;
    },
    [Symbol.dispose]: close,
  };
}

/** `struct sockaddr_ll` with every protocol and interface 0, which is all. */
function anyInterface(): Buffer {
  const address = Buffer.alloc(sockaddrLlBytes);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(ETH_P_ALL, 2);
  return address;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
