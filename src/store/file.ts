/** A store that is one file: its only version is named by its contents. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { LightscoreError, messageOf } from '../errors.js';
import { FolderStore } from './folder.js';
import type { ArtifactStore, StoredFile } from './store.js';

/** Of the file's SHA-256. */
const NAME_DIGITS = 12;

export class FileStore implements ArtifactStore {
  readonly location: string;
  readonly #name: string;
  readonly #folder: FolderStore;
  /** The version's name, and what the file was when it was read for it. */
  #named: { readonly fingerprint: string; readonly version: string } | undefined;

  constructor(path: string) {
    this.location = path;
    this.#name = basename(path);
    this.#folder = new FolderStore(dirname(path));
  }

  async versions(): Promise<string[]> {
    const file = await this.#file();
    return file === undefined ? [] : [await this.#versionOf(file)];
  }

  async files(version: string): Promise<StoredFile[]> {
    const file = await this.#file();
    return file === undefined || (await this.#versionOf(file)) !== version ? [] : [file];
  }

  read(_version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array> {
    return this.#folder.read('.', file, maxBytes);
  }

  pointer(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** There is one file, whatever it is called. */
  pathOf(): string {
    return this.location;
  }

  close(): void {
    this.#folder.close();
  }

  #file(): Promise<StoredFile | undefined> {
    return this.#folder.storedFile('.', this.#name);
  }

  async #versionOf({ fingerprint }: StoredFile): Promise<string> {
    if (this.#named?.fingerprint !== fingerprint)
      this.#named = { fingerprint, version: `sha256-${(await this.#sha256()).slice(0, NAME_DIGITS)}` };
    return this.#named.version;
  }

  async #sha256(): Promise<string> {
    const hash = createHash('sha256');
    try {
      for await (const chunk of createReadStream(this.location)) hash.update(chunk as Uint8Array);
    } catch (cause) {
      throw new LightscoreError('STORE_UNREACHABLE', `${this.location}: ${messageOf(cause)}`, { cause });
    }
    return hash.digest('hex');
  }
}
