/** Why a port cannot be listened on, in one line. */
import { createServer } from 'node:net';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';

interface Place {
  readonly host: string;
  readonly port: number;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process has it',
  EADDRNOTAVAIL: "the address is not this machine's",
  EACCES: 'permission denied: ports below 1024 are often reserved (CAP_NET_BIND_SERVICE, or a port from 1024 on)',
  ENOTFOUND: 'no such host name',
};

export function cannotListen({ host, port }: Place, error: unknown): LightscoreError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = REASONS[code] ?? systemReason(error);
  return new LightscoreError('PORT_UNAVAILABLE', `cannot listen on ${host} port ${port}: ${reason}`, { cause: error });
}

/** What the system says to whoever tries to listen there. */
export async function listenError(place: Place): Promise<unknown> {
  const server = createServer();
  try {
    return await new Promise((resolve) => {
      server.once('error', resolve);
      server.listen({ ...place, exclusive: true }, () => resolve(new Error('it could be had a moment later')));
    });
  } finally {
    server.close();
  }
}
