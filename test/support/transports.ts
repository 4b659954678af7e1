/** Runs a suite on both transports, and says in which documented ways they may differ. */
import { describe } from 'node:test';

export type TransportName = 'uws' | 'node';

export const TRANSPORTS: readonly TransportName[] = ['uws', 'node'];

/** Declares `suite` once for each transport. */
export function onBothTransports(title: string, suite: (transport: TransportName) => void): void {
  for (const transport of TRANSPORTS) describe(`${title}, TRANSPORT=${transport}`, () => suite(transport));
}
