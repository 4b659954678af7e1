/** Fetches the files of one version from the store, and verifies signature, checksums, metadata and calibrator. */
import type { KeyObject } from 'node:crypto';
import { ArtifactError, LightscoreError } from '../errors.js';
import { type ArtifactStore, filesFingerprint, type StoredFile } from '../store/store.js';
import { isVersionName } from '../store/versions.js';
import { type IsotonicCalibrator, readCalibratorJson } from '../artifact/calibrator.js';
import {
  CALIBRATOR_FILES,
  METADATA_FILE,
  MODEL_FILE,
  SELF_CHECK_FILE,
  SIGNATURE_FILE,
  twoCalibrators,
} from '../artifact/files.js';
import { sha256, verifyChecksum, verifyMetadata } from '../artifact/integrity.js';
import { type Metadata, readMetadata } from '../artifact/metadata.js';
import { readPickledCalibrator } from '../artifact/scikit-learn.js';
import { quote } from '../quote.js';

/** Limits on the size of each kind of file, in bytes. */
export interface ArtifactLimits {
  /** Also for the signature. */
  readonly metadata: number;
  readonly model: number;
  readonly calibrator: number;
  /** Any other file that is read: the self-check, and files that only the checksums name. */
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
  /** MODEL_REQUIRE_CHECKSUMS: metadata.json must contain a checksum of every file that is used. */
  readonly requireChecksums?: boolean;
  /** MODEL_PUBLIC_KEY: metadata.sig must sign metadata.json, which must contain a checksum of every used file. */
  readonly publicKey?: KeyObject;
  readonly limits?: Partial<ArtifactLimits>;
}

/** A file that was read. If metadata.json contains its checksum, it was verified. */
export interface ArtifactFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly verified: boolean;
}

/** The verified files of one version. The model's text is not parsed yet. */
export interface Artifact {
  /** The name of the folder. Requests name the version by it; answers carry `metadata.modelVersion`. */
  readonly version: string;
  readonly modelText: Uint8Array;
  /** In lower-case hexadecimal. */
  readonly modelSha256: string;
  /** Location of the model's text, for messages. */
  readonly modelFile: string;
  readonly calibrator: IsotonicCalibrator;
  readonly metadata: Metadata;
  readonly metadataFile: string;
  /** The bytes of self_check.json; undefined if there is none. */
  readonly selfCheck: Uint8Array | undefined;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  /** Equal to `filesFingerprint(await store.files(version))` as long as no file of the version changes. */
  readonly fingerprint: string;
  readonly warnings: readonly string[];
}

/**
 * Reads and verifies one version: the metadata, its signature, the model, the calibrator and every file that has a
 * checksum. The metadata is read first: publishing writes it last, so its presence shows that the version is complete.
 *
 * All files belong to one listing of the store. It is an error if one of them changes, appears or disappears meanwhile,
 * so an artifact never mixes two states of a version.
 * @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError naming the file and the reason
 */
export async function fetchArtifact(
  store: ArtifactStore,
  version: string,
  options: FetchOptions = {},
): Promise<Artifact> {
  const folder = await openVersion(store, version, { ...ARTIFACT_LIMITS, ...options.limits });
  const { metadata, warnings } = await fetchMetadata(folder, options.publicKey);
  const calibratorFile = findCalibrator(folder, warnings);
  const extra = [SELF_CHECK_FILE].filter((name) => folder.has(name));
  const used = [MODEL_FILE, calibratorFile, ...extra];
  const strict = options.requireChecksums === true || options.publicKey !== undefined;
  warnings.push(...checkCoverage(metadata, used, folder, strict));

  const { limits } = folder;
  const modelText = await folder.read(MODEL_FILE, limits.model);
  const calibratorBytes = await folder.read(calibratorFile, limits.calibrator);
  const selfCheck = folder.has(SELF_CHECK_FILE) ? await folder.read(SELF_CHECK_FILE, limits.other) : undefined;
  const others = [...(metadata.checksums?.keys() ?? [])].filter((name) => !folder.wasRead(name));
  for (const name of others) await folder.read(name, limits.other, 'is missing, but metadata.json has its checksum');
  const files = folder.verified(metadata.checksums);

  const calibratorPath = folder.path(calibratorFile);
  const calibrator =
    calibratorFile === 'calibrator.json'
      ? readCalibratorJson(calibratorBytes, calibratorPath)
      : readPickledCalibrator(calibratorBytes, calibratorPath);
  await folder.checkUnchanged();

  if (metadata.modelVersion !== version) {
    const named = `model_version is ${quote(metadata.modelVersion)} in the folder of ${version}`;
    warnings.push(`${folder.path(METADATA_FILE)}: ${named}; answers carry the former`);
  }
  if (modelText.byteLength === 0) throw new ArtifactError(folder.path(MODEL_FILE), 'is empty');
  return {
    version,
    modelText,
    modelSha256: files.find(({ name }) => name === MODEL_FILE)?.sha256 ?? sha256(modelText),
    modelFile: folder.path(MODEL_FILE),
    calibrator,
    metadata,
    metadataFile: folder.path(METADATA_FILE),
    selfCheck,
    files,
    signed: options.publicKey !== undefined,
    fingerprint: folder.fingerprint,
    warnings,
  };
}

async function openVersion(store: ArtifactStore, version: string, limits: ArtifactLimits): Promise<VersionFolder> {
  if (!isVersionName(version)) {
    throw new LightscoreError(
      'VERSION_NOT_FOUND',
      `${store.location}: ${quote(version)} cannot be the name of a version`,
    );
  }
  const listed = await store.files(version);
  if (listed.length === 0)
    throw new LightscoreError('VERSION_NOT_FOUND', `${store.location}: there is no version ${version}`);
  return new VersionFolder(store, version, listed, limits);
}

/** Reads metadata.json; with a public key, verifies its signature. */
async function fetchMetadata(
  folder: VersionFolder,
  publicKey: KeyObject | undefined,
): Promise<ReturnType<typeof readMetadata>> {
  const { limits } = folder;
  const incomplete = 'is missing, so the version is incomplete (metadata.json is written last)';
  const bytes = await folder.read(METADATA_FILE, limits.metadata, incomplete);
  const parsed = readMetadata(bytes, folder.path(METADATA_FILE));
  if (publicKey !== undefined) {
    const unsigned = 'is missing, but MODEL_PUBLIC_KEY requires a signature';
    const signature = await folder.read(SIGNATURE_FILE, limits.metadata, unsigned);
    verifyMetadata(bytes, signature, publicKey, folder.path(SIGNATURE_FILE));
  }
  return parsed;
}

function findCalibrator(folder: VersionFolder, warnings: string[]): string {
  const calibratorFile = CALIBRATOR_FILES.find((name) => folder.has(name));
  if (calibratorFile === undefined)
    throw new ArtifactError(folder.path(CALIBRATOR_FILES[1]), 'is missing, and so is calibrator.json');
  warnings.push(
    ...twoCalibrators(
      (name) => folder.has(name),
      (name) => folder.path(name),
    ),
  );
  return calibratorFile;
}

/**
 * Checks that metadata.json has the checksums of the files that are used. In strict mode a missing one is an error;
 * otherwise there is a warning for each missing one, unless metadata.json has no checksums at all.
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

/** The files of one version as the store listed them, and the contents of those that have been read. */
class VersionFolder {
  readonly #store: ArtifactStore;
  readonly #version: string;
  readonly #listed: readonly StoredFile[];
  readonly #contents = new Map<string, Uint8Array>();

  constructor(
    store: ArtifactStore,
    version: string,
    listed: readonly StoredFile[],
    readonly limits: ArtifactLimits,
  ) {
    this.#store = store;
    this.#version = version;
    this.#listed = listed;
  }

  get fingerprint(): string {
    return filesFingerprint(this.#listed);
  }

  path(name: string): string {
    return `${this.#store.location}/${this.#version}/${name}`;
  }

  has(name: string): boolean {
    return this.#listed.some((file) => file.name === name);
  }

  wasRead(name: string): boolean {
    return this.#contents.has(name);
  }

  /** @param ifMissing the reason of the error if the file does not exist */
  async read(name: string, maxBytes: number, ifMissing = 'is missing'): Promise<Uint8Array> {
    const file = this.#listed.find((candidate) => candidate.name === name);
    if (file === undefined) throw new ArtifactError(this.path(name), ifMissing);
    const bytes = await this.#store.read(this.#version, file, maxBytes);
    this.#contents.set(name, bytes);
    return bytes;
  }

  /** Lists the files that have been read, and verifies their checksums. */
  verified(checksums: Metadata['checksums']): ArtifactFile[] {
    return [...this.#contents].map(([name, bytes]) => {
      const actual = sha256(bytes);
      const expected = checksums?.get(name);
      if (expected !== undefined) verifyChecksum(actual, expected, this.path(name));
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
