/** What the store says should be served, and which of its words still count. */
import { isComplete } from '../artifact/files.js';
import type { Config } from '../config/config.js';
import { type ArtifactStore, type Pointer, filesFingerprint } from '../store/store.js';
import { type VersionChoice, chooseVersion } from '../store/versions.js';

export interface NamedVersion {
  readonly version: string;
  readonly by: VersionChoice['by'];
  /** Changes when another version is named, or the same one anew. */
  readonly naming: string;
  /** Of the version's files, as `fetchArtifact` would see them now. */
  readonly fingerprint: string;
  /** Model, calibrator and metadata are there. */
  readonly complete: boolean;
}

/**
 * After a rollback, what was named then is held back until something else is named: else the next look would undo the
 * rollback.
 */
export class VersionSource {
  /** As last read, so that an unchanged `current.json` is not sent again. */
  #pointer: Pointer | undefined;
  #latest: NamedVersion | undefined;
  #held: string | undefined;

  constructor(
    private readonly store: () => Promise<ArtifactStore>,
    private readonly setting: Config['models']['version'],
  ) {}

  /** What was named at the last look. */
  get latest(): NamedVersion | undefined {
    return this.#latest;
  }

  /** @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError where `current.json` is wrong */
  async look(): Promise<NamedVersion> {
    const store = await this.store();
    const { version, by, pointer } = await chooseVersion(store, this.setting, this.#pointer);
    this.#pointer = pointer;
    const files = await store.files(version);
    const naming = `${by}\n${version}\n${pointer?.fingerprint ?? ''}`;
    if (naming !== this.#held) this.#held = undefined;
    this.#latest = {
      version,
      by,
      naming,
      fingerprint: filesFingerprint(files),
      complete: isComplete(files.map(({ name }) => name)),
    };
    return this.#latest;
  }

  /** Of a version's files as they are now, whether it is named or not. */
  async fingerprint(version: string): Promise<string> {
    return filesFingerprint(await (await this.store()).files(version));
  }

  isHeld(named: NamedVersion): boolean {
    return named.naming === this.#held;
  }

  /** The version named at the last look and held back. */
  get held(): string | undefined {
    return this.#held === undefined ? undefined : this.#latest?.version;
  }

  /** What is named now does not count until it changes, unless it is `version` itself. */
  holdExcept(version: string): void {
    this.#held = this.#latest?.version === version ? undefined : this.#latest?.naming;
  }

  release(): void {
    this.#held = undefined;
  }
}
