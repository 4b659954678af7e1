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
export async function chooseTransport(config: Config['http']): Promise<TransportKind> {
  const { transport, maxHeaderBytes } = config;
  if (transport === 'node') return await nodeKind(undefined, config.acceptors);
  if (config.tls?.clientCaFile !== undefined) {
    const reason = 'uWebSockets.js cannot ask clients for a certificate (TLS_CLIENT_CA_FILE)';
    if (transport === 'auto') return await nodeKind(reason, config.acceptors);
    throw new LightscoreError('CONFIG_INVALID', `TRANSPORT is uws, but ${reason}; set TRANSPORT=node or auto`);
  }
  // uWebSockets.js reads this once, when the first thread loads it.
  process.env['UWS_HTTP_MAX_HEADERS_SIZE'] ??= String(maxHeaderBytes);
  try {
    const { UwsTransport } = await import('./uws/uws-transport.js');
    return { name: 'uws', reason: undefined, create: (http) => new UwsTransport(http) };
  } catch (error) {
    const reason = `uWebSockets.js ${whyNotLoaded(error)}`;
    if (transport === 'auto') return await nodeKind(reason, config.acceptors);
    throw new LightscoreError('CONFIG_INVALID', `TRANSPORT is uws, but ${reason}; set TRANSPORT=node or auto`, {
      cause: error,
    });
  }
}

/** The first Node whose sockets can share a port. */
const REUSE_PORT_SINCE = [22, 12] as const;

/** @throws LightscoreError CONFIG_INVALID where Node would ignore `reusePort`, and only one acceptor would listen */
function requireReusePort(): void {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [sinceMajor, sinceMinor] = REUSE_PORT_SINCE;
  if (major > sinceMajor + 1 || (major === sinceMajor && minor >= sinceMinor) || (major === 23 && minor >= 1)) return;
  const need = `ACCEPTORS above 1 needs Node ${sinceMajor}.${sinceMinor} or later with the node transport`;
  throw new LightscoreError('CONFIG_INVALID', `${need} (this is ${process.versions.node}): set ACCEPTORS=1`);
}

async function nodeKind(reason: string | undefined, acceptors = 1): Promise<TransportKind> {
  if (acceptors > 1) requireReusePort();
  const { NodeTransport } = await import('./node/node-transport.js');
  return { name: 'node', reason, create: (http) => new NodeTransport(http) };
}

/** uWebSockets.js reports the loader's own message at the end of its own; some Nodes add who required it. */
function whyNotLoaded(error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return 'is not installed';
  const [said] = messageOf(error).split('\nRequire stack:');
  const cause = said.trim().split('\n').at(-1) ?? '';
  if (/Cannot find module|GLIBC/.test(cause)) return `has no binary for ${platform()}`;
  return `has a binary that cannot be loaded (${cause.replace(/^Error: /, '')})`;
}

/** Node, C library and architecture, in words. */
function platform(): string {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  const library = header.glibcVersionRuntime === undefined ? 'this C library' : `glibc ${header.glibcVersionRuntime}`;
  return `Node ${process.versions.node} on ${process.platform} ${process.arch} with ${library}`;
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
