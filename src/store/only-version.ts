/** One version of a store, as if there were no other. */
import type { ArtifactStore, StoredFile } from './store.js';

export class OnlyVersion implements ArtifactStore {
  readonly #base: ArtifactStore;
  readonly #version: string;

  constructor(base: ArtifactStore, version: string) {
    this.#base = base;
    this.#version = version;
  }

  get location(): string {
    return this.#base.location;
  }

  async versions(): Promise<string[]> {
    return (await this.files(this.#version)).length === 0 ? [] : [this.#version];
  }

  files(version: string): Promise<StoredFile[]> {
    return version === this.#version ? this.#base.files(version) : Promise.resolve([]);
  }

  read(version: string, file: StoredFile, maxBytes: number): Promise<Uint8Array> {
    return this.#base.read(version, file, maxBytes);
  }

  pointer(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  pathOf(version: string, name: string): string {
    return this.#base.pathOf(version, name);
  }

  close(): void {
    this.#base.close();
  }
}
