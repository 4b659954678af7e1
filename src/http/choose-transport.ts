/** Chooses the transport: uWebSockets.js where its binary loads on this Node and C library, else Node's own server. */
import type { Config } from '../config/config.js';
import { LightscoreError, messageOf } from '../errors.js';
import type { Transport } from './transport.js';

/** One kind of transport, loaded. */
export interface TransportKind {
  readonly name: 'uws' | 'node';
  /** Why it was chosen, where it is not the one that `auto` prefers. */
  readonly reason: string | undefined;
  create(config: Config['http']): Transport;
}

/** @throws LightscoreError CONFIG_INVALID where the one that TRANSPORT names cannot be had */
export async function chooseTransport({ transport, maxHeaderBytes }: Config['http']): Promise<TransportKind> {
  if (transport === 'node') return await nodeKind(undefined);
  // uWebSockets.js reads this once, when the first thread loads it.
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= String(maxHeaderBytes);
  try {
    const { UwsTransport } = await import('./uws/uws-transport.js');
    return { name: 'uws', reason: undefined, create: (config) => new UwsTransport(config) };
  } catch (error) {
    const reason = `uWebSockets.js has no binary that loads here: ${firstLine(messageOf(error))}`;
    if (transport === 'auto') return await nodeKind(reason);
    throw new LightscoreError('CONFIG_INVALID', `TRANSPORT is uws, but ${reason}; set TRANSPORT=node or auto`);
  }
}

async function nodeKind(reason: string | undefined): Promise<TransportKind> {
  const { NodeTransport } = await import('./node/node-transport.js');
  return { name: 'node', reason, create: (config) => new NodeTransport(config) };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0].trim();
}

/**
 * Makes sure that nobody listens on a port that acceptors are about to share: they would not notice a server that
 * shares it too.
 * @returns the port; a free one where 0 was asked for
 * @throws LightscoreError CONFIG_INVALID where somebody does
 */
export async function probePort(kind: TransportKind, config: Config['http']): Promise<number> {
  const transport = kind.create({ ...config, tls: undefined });
  const { host, port } = config;
  const found = await transport.listen({ host, port, shared: false });
  transport.stopListening();
  return found;
}
