/** The address of a client, behind trusted proxies too, and the group of addresses that shares a rate limit. */
import { isIPv4, isIPv6 } from 'node:net';

// On a socket that listens on IPv6, IPv4 addresses have the form ::ffff:a.b.c.d.
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Formats a socket's address of 4 (IPv4) or 16 (IPv6) bytes. IPv6 is written in full, without `::`. */
export function addressFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 16 && MAPPED_PREFIX.every((byte, i) => bytes[i] === byte)) return bytes.subarray(12).join('.');
  if (bytes.length !== 16) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':');
}

/** Where a request came from, as its connection and its proxies say. */
export interface Peer {
  /** The address of the connection's other end. */
  readonly socketAddress: string;
  /**
   * All values of `X-Forwarded-For` in their order, joined by commas: some proxies add a header of their own instead of
   * appending to the existing one.
   */
  readonly forwardedFor: string;
  /** TRUST_PROXY, the number of proxies in front of this server; 0 ignores the header. */
  readonly hops: number;
}

/**
 * Returns the address of the client, using only entries of `X-Forwarded-For` that trusted proxies have written.
 *
 * Each proxy appends the address that it was called from. With `hops` proxies in front of this server, the client's
 * address is therefore entry `hops` from the right; the client itself may have written everything to the left of it. A
 * request with fewer entries did not pass all proxies, so the address of its socket is used; so it is if the entry is
 * not an address.
 */
export function clientAddress({ socketAddress, forwardedFor, hops }: Peer): string {
  if (hops === 0 || forwardedFor === '') return socketAddress;
  const entries = forwardedFor.split(',');
  const entry: string | undefined = entries[entries.length - hops];
  return (entry === undefined ? undefined : withoutPort(entry.trim())) ?? socketAddress;
}

/** `a.b.c.d`, `a.b.c.d:port`, `ipv6`, `[ipv6]` or `[ipv6]:port`; undefined for anything else. */
function withoutPort(entry: string): string | undefined {
  const address = /^\[([^\]]+)\](?::\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry;
  return isIPv4(address) || isIPv6(address) ? address : undefined;
}

/**
 * Returns the group of addresses that shares a rate limit: a single IPv4 address, or an IPv6 network of 64 bits, within
 * which a client can choose its address freely.
 */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const parts = address.split('%', 1)[0].split('::');
  const head = parts[0];
  const tail: string | undefined = parts[1];
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    // A last part in dotted notation is as long as two groups.
    const after = tail === '' ? [] : tail.split(':').flatMap((part) => (part.includes('.') ? ['0', '0'] : [part]));
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
