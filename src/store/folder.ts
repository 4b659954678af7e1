/** The artifact store on a file system. */
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { ArtifactError, LightscoreError, messageOf } from '../errors.js';
import { type ArtifactStore, MAX_POINTER_BYTES, type Pointer, POINTER_FILE, type StoredFile } from './store.js';
import { parsePointer } from './pointer.js';
import { isVersionName, whyNoVersions } from './version-name.js';
import { sha256Hex } from '../sha256.js';

/** A folder of versions. Symbolic links are followed, as Kubernetes mounts files through them. */
export class FolderStore implements ArtifactStore {
  readonly location: string;

  constructor(folder: string) {
    this.location = folder.length > 1 ? folder.replace(/\/+$/, '') : folder;
  }

  async versions(): Promise<string[]> {
    const names = await this.#reached(readdir(this.location));
    const folders = await Promise.all(
      names.filter(isVersionName).map(async (name) => ((await this.#isFolder(name)) ? name : undefined)),
    );
    return folders.filter((name) => name !== undefined);
  }

  async whyNone(): Promise<string | undefined> {
    const names = await this.#reached(readdir(this.location));
    const folders = await Promise.all(names.map(async (name) => ((await this.#isFolder(name)) ? name : undefined)));
    return whyNoVersions(
      names,
      folders.filter((name) => name !== undefined),
    );
  }

  async files(version: string): Promise<StoredFile[]> {
    if (!isVersionName(version) || !(await this.#isFolder(version))) return [];
    const names = await this.#reached(readdir(`${this.location}/${version}`));
    const files = await Promise.all(names.map((name) => this.storedFile(version, name)));
    return files.filter((file) => file !== undefined);
  }

  async read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array> {
    const path = `${this.location}/${version}/${file.name}`;
    const { bytes, fingerprint } = (await this.#readFile(path, maxBytes)) ?? gone(path);
    if (fingerprint !== file.fingerprint) throw new ArtifactError(path, 'changed while it was being read');
    return bytes;
  }

  async pointer(known?: Pointer): Promise<Pointer | undefined> {
    const path = `${this.location}/${POINTER_FILE}`;
    const file = await this.#readFile(path, MAX_POINTER_BYTES);
    if (file === undefined) {
      // Distinguishes a folder without a pointer from a missing folder.
      await this.#reached(stat(this.location));
      return undefined;
    }
    const fingerprint = sha256Hex(file.bytes);
    return known?.fingerprint === fingerprint ? known : { ...parsePointer(file.bytes, path), fingerprint };
  }

  pathOf(version: string, name: string): string {
    return `${this.location}/${version}/${name}`;
  }

  close(): void {
    // Nothing is kept open between calls.
  }

  async #isFolder(version: string): Promise<boolean> {
    const found = await this.#present(stat(`${this.location}/${version}`));
    return found?.isDirectory() ?? false;
  }

  /** A file as `files` lists it; undefined where there is none. */
  async storedFile(version: string, name: string): Promise<StoredFile | undefined> {
    const found = await this.#present(stat(`${this.location}/${version}/${name}`, { bigint: true }));
    return found?.isFile() ? { name, size: Number(found.size), fingerprint: fingerprintOf(found) } : undefined;
  }

  async #readFile(path: string, maxBytes: number): Promise<{ bytes: Uint8Array; fingerprint: string } | undefined> {
    // O_NONBLOCK: opening a named pipe would otherwise wait for its writer.
    const handle = await this.#present(open(path, constants.O_RDONLY | constants.O_NONBLOCK));
    if (handle === undefined) return undefined;
    try {
      const before = await handle.stat({ bigint: true });
      if (!before.isFile()) throw new ArtifactError(path, 'is not a file');
      if (before.size > maxBytes)
        throw new ArtifactError(path, `has ${before.size} bytes, more than the limit of ${maxBytes}`);
      const bytes = await this.#reached(readWhole(handle, Number(before.size)));
      const after = await handle.stat({ bigint: true });
      if (bytes.byteLength !== Number(before.size) || fingerprintOf(after) !== fingerprintOf(before)) {
        throw new ArtifactError(path, 'changed while it was being read');
      }
      return { bytes, fingerprint: fingerprintOf(before) };
    } finally {
      await handle.close();
    }
  }

  /** Like `#reached`, but returns undefined for what does not exist. */
  async #present<T>(operation: Promise<T>): Promise<T | undefined> {
    try {
      return await operation;
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT' || codeOf(cause) === 'ENOTDIR') return undefined;
      throw this.#unreachable(cause);
    }
  }

  async #reached<T>(operation: Promise<T>): Promise<T> {
    try {
      return await operation;
    } catch (cause) {
      throw this.#unreachable(cause);
    }
  }

  #unreachable(cause: unknown): LightscoreError {
    const reason = codeOf(cause) === 'ENOENT' ? 'the folder does not exist' : messageOf(cause);
    return new LightscoreError('STORE_UNREACHABLE', `${this.location}: ${reason}`, { cause });
  }
}

async function readWhole(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

function fingerprintOf(found: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint }): string {
  return `${found.ino}-${found.size}-${found.mtimeNs}-${found.ctimeNs}`;
}

function gone(path: string): never {
  throw new ArtifactError(path, 'disappeared while the artifact was being read');
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}
