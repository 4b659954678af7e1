/** How many files and sockets this process may have open. */
import { readFileSync } from 'node:fs';

/** Where the system does not say. */
const UNKNOWN = 65_536;

/** The soft limit, which Node raises to the hard one when it starts. */
export function descriptorLimit(): number {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return found === undefined ? UNKNOWN : Number(found);
  } catch {
    return UNKNOWN;
  }
}
