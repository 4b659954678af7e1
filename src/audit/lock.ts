/**
 * Keeps a second process off an audit trail: a socket beside the file, on which its server listens. The kernel knows
 * whether somebody does, whatever process ids say, also between containers of one machine.
 */
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import { type Server, connect, createServer } from 'node:net';
import { once } from 'node:events';
import { basename, dirname } from 'node:path';
import { LightscoreError } from '../errors.js';
import { systemReason } from '../system-error.js';

/** The longest path of a socket, in bytes; Linux allows 107. */
const MAX_SOCKET_PATH = 100;
const ATTEMPTS = 3;

export interface FileLock {
  /** Why the file could not be locked; undefined where it is. */
  readonly failure: string | undefined;
  release(): Promise<void>;
}

/** @throws LightscoreError CONFIG_INVALID where another process holds it */
export async function lockFile(file: string): Promise<FileLock> {
  const shown = `${file}.lock`;
  let folder: FileHandle | undefined;
  try {
    let path = shown;
    if (Buffer.byteLength(shown) > MAX_SOCKET_PATH) {
      folder = await open(dirname(file), 'r');
      path = `/proc/self/fd/${folder.fd}/${basename(shown)}`;
    }
    const server = await take(path);
    if (server === undefined)
      throw new LightscoreError(
        'CONFIG_INVALID',
        `AUDIT_LOG: ${file}: another process writes to it (and holds ${shown}); give each server a file of its own`,
      );
    return { failure: undefined, release: () => close(server, folder) };
  } catch (error) {
    await folder?.close();
    if (error instanceof LightscoreError) throw error;
    // A file system without sockets. The size of the file tells before each write whether somebody else has written.
    return { failure: systemReason(error), release: () => Promise.resolve() };
  }
}

/** Listens, so that others find the lock taken; undefined where somebody else does. */
async function take(path: string): Promise<Server | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = createServer((socket) => socket.destroy());
    server.listen(path);
    try {
      await once(server, 'listening');
      return server.unref();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
    if (await isHeld(path)) return undefined;
    if (!(await removeAbandoned(path))) return undefined;
  }
  return undefined;
}

async function isHeld(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code !== 'ECONNREFUSED' && code !== 'ENOENT';
  } finally {
    socket.destroy();
  }
}

/**
 * Removes the socket of a process that has crashed.
 * @returns false where another process has taken its place meanwhile, which then keeps it
 */
async function removeAbandoned(path: string): Promise<boolean> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true;
    throw error;
  }
  if (await isHeld(aside)) {
    await rename(aside, path);
    return false;
  }
  await unlink(aside);
  return true;
}

async function close(server: Server, folder: FileHandle | undefined): Promise<void> {
  // Removes the socket, too.
  await new Promise((resolve) => server.close(resolve));
  await folder?.close();
}
