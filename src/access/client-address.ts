import { isIPv4, isIPv6 } from 'node:net';

// IPv4 addresses of a socket that listens on IPv6 arrive as ::ffff:a.b.c.d.
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** A socket's address in words, from its 4 (IPv4) or 16 (IPv6) bytes. IPv6 is written in full, without `::`. */
export function addressFromBytes(bytes: Uint8Array): string {
  if (bytes.length === 16 && MAPPED_PREFIX.every((byte, i) => bytes[i] === byte)) return bytes.subarray(12).join('.');
  if (bytes.length !== 16) return bytes.join('.');
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return Array.from({ length: 8 }, (_, i) => view.getUint16(2 * i).toString(16)).join(':');
}

/**
 * The address of the client, as far as it can be trusted.
 *
 * Each proxy appends the address it was called from to `X-Forwarded-For`, so with `hops` proxies in front of this
 * server the client is the entry `hops` from the right; whatever stands to the left of it was written by the client.
 * A request with fewer entries did not come by all the proxies, and its socket's address counts; so does that of one
 * whose entry is not an address.
 *
 * @param socketAddress the other end of the connection.
 * @param forwardedFor all values of `X-Forwarded-For` in their order, joined by commas: some proxies add a header of
 *   their own instead of appending to the client's.
 * @param hops TRUST_PROXY: how many proxies are in front; 0 ignores the header.
 */
export function clientAddress(socketAddress: string, forwardedFor: string, hops: number): string {
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
 * Which addresses share a rate limit: an IPv4 address stands for itself; of an IPv6 address the first 64 bits count,
 * as the rest is the holder's to choose.
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
    // A dotted last part stands for two groups.
    const after = tail === '' ? [] : tail.split(':').flatMap((part) => (part.includes('.') ? ['0', '0'] : [part]));
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
