/** Which version the settings and the store select, and whether a rollback has put that selection on hold. */
import { isComplete } from '../artifact/files.js';
import type { Config } from '../config/config.js';
import { type ArtifactStore, type Pointer, filesFingerprint } from '../store/store.js';
import { type VersionChoice, chooseVersion } from '../store/versions.js';

export interface SelectedVersion {
  readonly version: string;
  /** What selects it: the setting, `current.json`, or being the highest version of the store. */
  readonly by: VersionChoice['by'];
  /** Changes when another version is selected, or `current.json` is written again. */
  readonly selection: string;
  /** Fingerprint of the version's files, as `fetchArtifact` would see them now. */
  readonly fingerprint: string;
  /** Whether model, calibrator and metadata are in the store. */
  readonly complete: boolean;
}

/**
 * After a rollback, the selection of that time is held back until it changes; otherwise the next poll would undo the
 * rollback.
 */
export class VersionSource {
  readonly #store: () => Promise<ArtifactStore>;
  readonly #setting: Config['models']['version'];
  /** The last one read, so that an unchanged `current.json` is not sent again. */
  #pointer: Pointer | undefined;
  #latest: SelectedVersion | undefined;
  #heldBack: string | undefined;

  constructor(store: () => Promise<ArtifactStore>, setting: Config['models']['version']) {
    this.#store = store;
    this.#setting = setting;
  }

  /** The version that the last poll found. */
  get latest(): SelectedVersion | undefined {
    return this.#latest;
  }

  /** @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError if `current.json` is invalid */
  async poll(): Promise<SelectedVersion> {
    const store = await this.#store();
    const { version, by, pointer } = await chooseVersion(store, this.#setting, this.#pointer);
    this.#pointer = pointer;
    const files = await store.files(version);
    const selection = `${by}\n${version}\n${pointer?.fingerprint ?? ''}`;
    if (selection !== this.#heldBack) this.#heldBack = undefined;
    this.#latest = {
      version,
      by,
      selection,
      fingerprint: filesFingerprint(files),
      complete: isComplete(files.map(({ name }) => name)),
    };
    return this.#latest;
  }

  /** Fingerprint of a version's files as they are now, whether it is selected or not. */
  async fingerprint(version: string): Promise<string> {
    return filesFingerprint(await (await this.#store()).files(version));
  }

  isHeldBack(selected: SelectedVersion): boolean {
    return selected.selection === this.#heldBack;
  }

  /** The version that the last poll found, if it is held back. */
  get heldBack(): string | undefined {
    return this.#heldBack === undefined ? undefined : this.#latest?.version;
  }

  /** Holds back the current selection until it changes, unless it selects `version`. */
  holdBackUnless(version: string): void {
    this.#heldBack = this.#latest?.version === version ? undefined : this.#latest?.selection;
  }

  release(): void {
    this.#heldBack = undefined;
  }
}
