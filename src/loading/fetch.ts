/** Stages 1 and 2 of a load: reads all files of a version from the store and verifies them. */
import type { KeyObject } from 'node:crypto';
import { ArtifactError, LightscoreError } from '../errors.js';
import { type ArtifactStore, filesFingerprint, type StoredFile } from '../store/store.js';
import { isVersionName } from '../store/version-name.js';
import type { Calibrator } from '../artifact/calibrator.js';
import {
  CALIBRATOR_FILES,
  METADATA_FILE,
  MODEL_FILE,
  SELF_CHECK_FILE,
  SIGNATURE_FILE,
  calibratorWarnings,
} from '../artifact/files.js';
import { verifyChecksum, verifyMetadata } from '../artifact/integrity.js';
import { type Metadata, readMetadata } from '../artifact/metadata.js';
import { readCalibrator } from '../artifact/read-calibrator.js';
import { quote } from '../quote.js';
import { sha256Hex } from '../sha256.js';

/** The maximum size of each file, in bytes. */
export interface ArtifactLimits {
  /** The limit of `metadata.sig`, too. */
  readonly metadata: number;
  readonly model: number;
  readonly calibrator: number;
  /** The limit of any other file that is read: `self_check.json`, and files that have a checksum. */
  readonly other: number;
}

const MEBIBYTE = 1024 * 1024;

export const ARTIFACT_LIMITS: ArtifactLimits = {
  metadata: 4 * MEBIBYTE,
  model: 1024 * MEBIBYTE,
  calibrator: 16 * MEBIBYTE,
  other: 256 * MEBIBYTE,
};

export interface FetchOptions {
  /** MODEL_REQUIRE_CHECKSUMS: metadata.json must have a checksum of every file in use. */
  readonly requireChecksums?: boolean;
  /**
   * MODEL_PUBLIC_KEY: metadata.sig must sign metadata.json, which must name this version and have a checksum of every
   * file in use.
   */
  readonly publicKey?: KeyObject;
  readonly limits?: Partial<ArtifactLimits>;
}

/** A file that was read and, if metadata.json has its checksum, verified. */
export interface ArtifactFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly verified: boolean;
}

/** One version, read completely and verified; the model text is not parsed yet. */
export interface Artifact {
  /** The folder's name, by which the version is requested; answers carry `metadata.modelVersion`. */
  readonly version: string;
  readonly modelText: Uint8Array;
  /** Lower-case hexadecimal. */
  readonly modelSha256: string;
  /** Where the model text was read from, for messages about it. */
  readonly modelFile: string;
  /** Undefined where the version says that it has none. */
  readonly calibrator: Calibrator | undefined;
  readonly calibratorFile: string;
  readonly metadata: Metadata;
  readonly metadataFile: string;
  /** The bytes of self_check.json; undefined if the version has none. */
  readonly selfCheck: Uint8Array | undefined;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  /** Equals `filesFingerprint(await store.files(version))` until a file of the version changes. */
  readonly fingerprint: string;
  readonly warnings: readonly string[];
}

/**
 * Reads and verifies one version: first its metadata, which is written last and so shows that the version is complete,
 * then the signature, the model, the calibrator and every other file that has a checksum.
 *
 * All files are from one listing of the store. A file that is changed, added or removed in the meantime is an error, so
 * that no artifact mixes two states of a version.
 * @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError naming the file and the reason
 */
export async function fetchArtifact(
  store: ArtifactStore,
  version: string,
  options: FetchOptions = {},
): Promise<Artifact> {
  const folder = await openVersion(store, version, { ...ARTIFACT_LIMITS, ...options.limits });
  const { metadata, warnings } = await fetchMetadata(folder, version, options.publicKey);
  const calibratorFile = findCalibrator(folder);
  warnings.push(
    ...calibratorWarnings(
      (name) => folder.has(name),
      (name) => folder.path(name),
    ),
  );
  const extra = [SELF_CHECK_FILE].filter((name) => folder.has(name));
  const strict = options.requireChecksums === true || options.publicKey !== undefined;
  warnings.push(...checkCoverage(metadata, [MODEL_FILE, calibratorFile, ...extra], folder, strict));

  const modelText = await folder.read(MODEL_FILE, folder.limits.model, 'is missing');
  const calibratorBytes = await folder.read(calibratorFile, folder.limits.calibrator, 'is missing');
  const selfCheck = folder.has(SELF_CHECK_FILE)
    ? await folder.read(SELF_CHECK_FILE, folder.limits.other, 'is missing')
    : undefined;
  const others = [...(metadata.checksums?.keys() ?? [])].filter((name) => !folder.wasRead(name));
  for (const name of others)
    await folder.read(name, folder.limits.other, 'is missing, but metadata.json has its checksum');
  const files = folder.verified(metadata.checksums);

  const calibrator = readCalibrator({
    name: calibratorFile,
    bytes: calibratorBytes,
    file: folder.path(calibratorFile),
    input: metadata.calibratorInput,
  });
  await folder.checkUnchanged();

  if (metadata.modelVersion !== version) {
    const name = quote(metadata.modelVersion);
    warnings.push(
      `${folder.path(METADATA_FILE)}: model_version is ${name} in the folder of ${version}; answers carry ${name}`,
    );
  }
  if (modelText.byteLength === 0) throw new ArtifactError(folder.path(MODEL_FILE), 'is empty');
  return {
    version,
    modelText,
    modelSha256: files.find(({ name }) => name === MODEL_FILE)?.sha256 ?? sha256Hex(modelText),
    modelFile: folder.path(MODEL_FILE),
    calibrator,
    calibratorFile: folder.path(calibratorFile),
    metadata,
    metadataFile: folder.path(METADATA_FILE),
    selfCheck,
    files,
    signed: options.publicKey !== undefined,
    fingerprint: folder.fingerprint,
    warnings,
  };
}

/** @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE */
async function openVersion(store: ArtifactStore, version: string, limits: ArtifactLimits): Promise<VersionFolder> {
  if (!isVersionName(version)) {
    throw new LightscoreError('VERSION_NOT_FOUND', `${store.location}: ${quote(version)} is not a valid version name`);
  }
  const listed = await store.files(version);
  if (listed.length === 0)
    throw new LightscoreError('VERSION_NOT_FOUND', `${store.location}: there is no version ${version}`);
  return new VersionFolder({ store, version, listed, limits });
}

/** Reads the metadata and, if there is a public key, verifies its signature and its version before it is used. */
async function fetchMetadata(
  folder: VersionFolder,
  version: string,
  publicKey: KeyObject | undefined,
): Promise<ReturnType<typeof readMetadata>> {
  const limit = folder.limits.metadata;
  const incomplete = 'is missing, so the version is incomplete (metadata.json is written last)';
  const bytes = await folder.read(METADATA_FILE, limit, incomplete);
  const metadata = readMetadata(bytes, folder.path(METADATA_FILE));
  if (publicKey !== undefined) {
    const unsigned = 'is missing, but MODEL_PUBLIC_KEY requires a signature';
    const signature = await folder.read(SIGNATURE_FILE, limit, unsigned);
    verifyMetadata({ metadata: bytes, signature }, publicKey, folder.path(SIGNATURE_FILE));
    // Else whoever can write to the store could pass a signed old version off as the newest.
    const signed = metadata.metadata.modelVersion;
    if (signed !== version)
      throw new ArtifactError(
        folder.path(METADATA_FILE),
        `its signed model_version is ${quote(signed)}; MODEL_PUBLIC_KEY requires that of its folder, ${version}`,
      );
  }
  return metadata;
}

function findCalibrator(folder: VersionFolder): (typeof CALIBRATOR_FILES)[number] {
  const found = CALIBRATOR_FILES.find((name) => folder.has(name));
  if (found === undefined)
    throw new ArtifactError(folder.path(CALIBRATOR_FILES[1]), 'is missing, and so is calibrator.json');
  return found;
}

/**
 * Checks that metadata.json has the checksums of the files in use.
 * @returns a warning for each file without one, if other files have checksums
 * @throws ArtifactError if `strict` and a file has none
 */
function checkCoverage(metadata: Metadata, used: readonly string[], folder: VersionFolder, strict: boolean): string[] {
  const uncovered = used.filter((name) => metadata.checksums?.has(name) !== true);
  if (uncovered.length === 0) return [];
  if (strict)
    throw new ArtifactError(folder.path(uncovered[0]), 'has no checksum in metadata.json, and checksums are required');
  return metadata.checksums === undefined
    ? []
    : uncovered.map((name) => `${folder.path(name)}: has no checksum in metadata.json`);
}

interface ListedVersion {
  readonly store: ArtifactStore;
  readonly version: string;
  readonly listed: readonly StoredFile[];
  readonly limits: ArtifactLimits;
}

/** The files of one version as they were listed, and the contents of those that have been read. */
class VersionFolder {
  readonly limits: ArtifactLimits;
  readonly #store: ArtifactStore;
  readonly #version: string;
  readonly #listed: readonly StoredFile[];
  readonly #contents = new Map<string, Uint8Array>();

  constructor({ store, version, listed, limits }: ListedVersion) {
    this.limits = limits;
    this.#store = store;
    this.#version = version;
    this.#listed = listed;
  }

  get fingerprint(): string {
    return filesFingerprint(this.#listed);
  }

  path(name: string): string {
    return this.#store.pathOf(this.#version, name);
  }

  has(name: string): boolean {
    return this.#listed.some((file) => file.name === name);
  }

  wasRead(name: string): boolean {
    return this.#contents.has(name);
  }

  /** @param missing the reason of the error if there is no such file */
  async read(name: string, maxBytes: number, missing: string): Promise<Uint8Array> {
    const file = this.#listed.find((candidate) => candidate.name === name);
    if (file === undefined) throw new ArtifactError(this.path(name), missing);
    const bytes = await this.#store.read(this.#version, file, maxBytes);
    this.#contents.set(name, bytes);
    return bytes;
  }

  /** Verifies the files that have been read and have a checksum; lists all that have been read. */
  verified(checksums: Metadata['checksums']): ArtifactFile[] {
    return [...this.#contents].map(([name, bytes]) => {
      const actual = sha256Hex(bytes);
      const expected = checksums?.get(name);
      if (expected !== undefined) verifyChecksum({ file: this.path(name), actual, expected });
      return { name, size: bytes.byteLength, sha256: actual, verified: expected !== undefined };
    });
  }

  async checkUnchanged(): Promise<void> {
    const now = await this.#store.files(this.#version);
    if (filesFingerprint(now) !== this.fingerprint) {
      throw new ArtifactError(`${this.#store.location}/${this.#version}`, 'changed while it was being read');
    }
  }
}
