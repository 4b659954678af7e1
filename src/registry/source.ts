/** Which version settings and store name, and whether it is held back since a rollback. */
import { type KeyObject, createPublicKey } from 'node:crypto';
import { missingFiles } from '../artifact/files.js';
import type { Config } from '../config/config.js';
import { ArtifactError } from '../errors.js';
import { type ArtifactStore, POINTER_FILE, type Pointer, filesFingerprint } from '../store/store.js';
import { type VersionChoice, chooseVersion } from '../store/versions.js';
import { FollowedPointers } from './followed-pointers.js';

export interface NamedVersion {
  readonly version: string;
  readonly by: VersionChoice['by'];
  /** Changes when another version is named, or when `current.json` is written again. */
  readonly naming: string;
  /** Fingerprint of the version's files, as `fetchArtifact` would read them now. */
  readonly fingerprint: string;
  /** Files that the version lacks; undefined where there is no such version. */
  readonly missing: readonly string[] | undefined;
}

type SourceConfig = Pick<Config['models'], 'version' | 'requireSignedPointer' | 'publicKey' | 'pointerState'>;

/**
 * Reads which version is named. After a rollback, the version that was named then is held back until the naming
 * changes; otherwise the next check of the store would undo the rollback.
 */
export class VersionSource {
  readonly #store: () => Promise<ArtifactStore>;
  readonly #setting: string | undefined;
  /** What `current.json` must be signed with; undefined where it need not be. */
  readonly #pointerKey: KeyObject | undefined;
  readonly #followed: FollowedPointers;
  /** As it was last read, so that an unchanged `current.json` is not transferred again. */
  #pointer: Pointer | undefined;
  #latest: NamedVersion | undefined;
  /** The `naming` that is held back. */
  #held: string | undefined;

  /** @throws LightscoreError CONFIG_INVALID if MODEL_POINTER_STATE cannot be read */
  constructor(store: () => Promise<ArtifactStore>, models: SourceConfig) {
    const { version, requireSignedPointer, publicKey, pointerState } = models;
    this.#store = store;
    this.#setting = version;
    if (requireSignedPointer && publicKey !== undefined) this.#pointerKey = createPublicKey(publicKey);
    this.#followed = new FollowedPointers(pointerState);
  }

  /** The result of the last `refresh`. */
  get latest(): NamedVersion | undefined {
    return this.#latest;
  }

  /**
   * Reads from the store which version is named now.
   * @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError if `current.json` is invalid, or older
   * than the newest that was followed where it must be signed, or gone after it was followed
   */
  async refresh(): Promise<NamedVersion> {
    const store = await this.#store();
    const { version, by, pointer, claim } = await chooseVersion(store, {
      setting: this.#setting,
      pointerKey: this.#pointerKey,
      known: this.#pointer,
    });
    if (by === 'highest' && this.#latest?.by === 'pointer')
      throw new ArtifactError(
        `${store.location}/${POINTER_FILE}`,
        `is gone; it named ${this.#latest.version}, which is still the one that is followed. Write it again ` +
          '(lightscore point), or restart the server to serve the highest version',
      );
    if (claim !== undefined) await this.#followed.follow(claim, `${store.location}/${POINTER_FILE}`);
    this.#pointer = pointer;
    const files = await store.files(version);
    const naming = `${by}\n${version}\n${pointer?.fingerprint ?? ''}`;
    if (naming !== this.#held) this.#held = undefined;
    this.#latest = {
      version,
      by,
      naming,
      fingerprint: filesFingerprint(files),
      missing: files.length === 0 ? undefined : missingFiles(files.map(({ name }) => name)),
    };
    return this.#latest;
  }

  /** Fingerprint of a version's files as they are now, whether the version is named or not. */
  async fingerprint(version: string): Promise<string> {
    return filesFingerprint(await (await this.#store()).files(version));
  }

  isHeld(named: NamedVersion): boolean {
    return named.naming === this.#held;
  }

  /** The version that is named and held back. */
  get held(): string | undefined {
    return this.#held === undefined ? undefined : this.#latest?.version;
  }

  /** Holds back the version that is named now, until the naming changes; but not if it is `version` itself. */
  holdExcept(version: string): void {
    this.#held = this.#latest?.version === version ? undefined : this.#latest?.naming;
  }

  release(): void {
    this.#held = undefined;
  }
}
