export interface ListenAddress {
  /** '' is every address of the machine. */
  readonly host: string;
  /** 0: the kernel chooses. */
  readonly port: number;
}

const maxPort = 65_535;
/** `[IPv6]:port`, or `host:port` with a host that may be empty. */
const pattern = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^:[\]\s]*)):(\d{1,5})$/;

/** `0.0.0.0:9387`, `[::1]:9387`, `localhost:0`, `:9387` (all addresses). Undefined when it is none of these. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = pattern.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > maxPort) return undefined;
  return { host: match[1] ?? match[2] ?? '', port };
}

export function formatListenAddress(address: ListenAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}
