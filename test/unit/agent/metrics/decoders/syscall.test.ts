import { decoderOf, FakeMachine, shownBy } from './decoding.ts';

test.each([
  ['x64', '0', 'read'],
  ['x64', '1', 'write'],
  ['x64', '59', 'execve'],
  ['x64', '231', 'exit_group'],
  ['x64', '334', 'rseq'],
  ['x64', '335', 'unknown_syscall:335'],
  ['x64', '424', 'pidfd_send_signal'],
  ['x64', '450', 'set_mempolicy_home_node'],
  ['x64', '451', 'cachestat'],
  ['x64', '462', 'mseal'],
  ['x64', '470', 'listns'],
  ['x64', '9999', 'unknown_syscall:9999'],
  ['x64', '-1', 'unknown_syscall:-1'],
  ['x64', 'read', 'unknown_syscall:read'],
  ['arm64', '0', 'io_setup'],
  ['arm64', '38', 'renameat'],
  ['arm64', '56', 'openat'],
  ['arm64', '79', 'newfstatat'],
  ['arm64', '163', 'getrlimit'],
  ['arm64', '222', 'mmap'],
  ['arm64', '244', 'unknown_syscall:244'],
  ['arm64', '435', 'clone3'],
  ['arm64', '447', 'memfd_secret'],
  ['arm64', '470', 'listns'],
  ['riscv64', '0', 'unknown_syscall:0'],
])('on %s %s is %s', (architecture, input, shown) => {
  const machine = new FakeMachine({}, {}, architecture);
  expect(shownBy(decoderOf({ name: 'syscall' }, machine), input)).toBe(shown);
});
