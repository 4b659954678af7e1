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
  calibratorWarnings,
} from '../artifact/files.js';
import { sha256, verifyChecksum, verifyMetadata } from '../artifact/integrity.js';
import { type Metadata, readMetadata } from '../artifact/metadata.js';
import { readPickledCalibrator } from '../artifact/scikit-learn.js';
import { quote } from '../quote.js';

/** The most bytes a file may have. */
export interface ArtifactLimits {
  readonly metadata: number;
  readonly model: number;
  readonly calibrator: number;
  /** Any other file that is read: the self-check, and what the checksums name. */
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
  /** MODEL_REQUIRE_CHECKSUMS: metadata.json must have a checksum of every file that is used. */
  readonly requireChecksums?: boolean;
  /** MODEL_PUBLIC_KEY: metadata.sig must sign metadata.json, which must have a checksum of every file that is used. */
  readonly publicKey?: KeyObject;
  readonly limits?: Partial<ArtifactLimits>;
}

/** A file that was read and, where metadata.json has its checksum, verified. */
export interface ArtifactFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly verified: boolean;
}

/** One version, read whole and verified; the model's text is not parsed yet. */
export interface Artifact {
  /** The folder's name, which is how the version is asked for; `metadata.modelVersion` is what answers carry. */
  readonly version: string;
  readonly modelText: Uint8Array;
  /** In lower-case hexadecimal. */
  readonly modelSha256: string;
  /** For messages about the model's text: where it was read from. */
  readonly modelFile: string;
  readonly calibrator: IsotonicCalibrator;
  readonly metadata: Metadata;
  readonly metadataFile: string;
  /** The bytes of self_check.json, where there is one. */
  readonly selfCheck: Uint8Array | undefined;
  readonly files: readonly ArtifactFile[];
  readonly signed: boolean;
  /** Equal to `filesFingerprint(await store.files(version))` as long as nothing of the version changes. */
  readonly fingerprint: string;
  readonly warnings: readonly string[];
}

/**
 * Reads and verifies one version: metadata first, which is written last and so tells that the version is complete, then
 * its signature, the model, the calibrator and every file it has a checksum of.
 *
 * The files are those of one listing of the store: one that changes, comes or goes meanwhile is an error, so that no
 * artifact is put together from two.
 * @throws LightscoreError VERSION_NOT_FOUND, STORE_UNREACHABLE; ArtifactError naming the file and the reason.
 */
export async function fetchArtifact(
  store: ArtifactStore,
  version: string,
  options: FetchOptions = {},
): Promise<Artifact> {
  if (!isVersionName(version)) {
    throw new LightscoreError(
      'VERSION_NOT_FOUND',
      `${store.location}: ${quote(version)} cannot be the name of a version`,
    );
  }
  const listed = await store.files(version);
  if (listed.length === 0)
    throw new LightscoreError('VERSION_NOT_FOUND', `${store.location}: there is no version ${version}`);
  const folder = new VersionFolder(store, version, listed, { ...ARTIFACT_LIMITS, ...options.limits });

  const metadataBytes = await folder.read(
    METADATA_FILE,
    folder.limits.metadata,
    'is missing, so the version is incomplete (metadata.json is written last)',
  );
  const { metadata, warnings } = readMetadata(metadataBytes, folder.path(METADATA_FILE));
  if (options.publicKey !== undefined) {
    const signature = await folder.read(
      SIGNATURE_FILE,
      folder.limits.metadata,
      'is missing, but MODEL_PUBLIC_KEY asks for a signature',
    );
    verifyMetadata({ metadata: metadataBytes, signature }, options.publicKey, folder.path(SIGNATURE_FILE));
  }
  const calibratorFile = CALIBRATOR_FILES.find((name) => folder.has(name));
  if (calibratorFile === undefined)
    throw new ArtifactError(folder.path(CALIBRATOR_FILES[1]), 'is missing, and so is calibrator.json');
  warnings.push(
    ...calibratorWarnings(
      (name) => folder.has(name),
      (name) => folder.path(name),
    ),
  );
  const extra = [SELF_CHECK_FILE].filter((name) => folder.has(name));
  const used = [MODEL_FILE, calibratorFile, ...extra];
  const strict = options.requireChecksums === true || options.publicKey !== undefined;
  warnings.push(...checkCoverage(metadata, used, folder, strict));

  const modelText = await folder.read(MODEL_FILE, folder.limits.model, 'is missing');
  const calibratorBytes = await folder.read(calibratorFile, folder.limits.calibrator, 'is missing');
  const selfCheck = folder.has(SELF_CHECK_FILE)
    ? await folder.read(SELF_CHECK_FILE, folder.limits.other, 'is missing')
    : undefined;
  const others = [...(metadata.checksums?.keys() ?? [])].filter((name) => !folder.wasRead(name));
  for (const name of others)
    await folder.read(name, folder.limits.other, 'is missing, but metadata.json has its checksum');
  const files = folder.verified(metadata.checksums);

  const calibratorPath = folder.path(calibratorFile);
  const calibrator =
    calibratorFile === 'calibrator.json'
      ? readCalibratorJson(calibratorBytes, calibratorPath)
      : readPickledCalibrator(calibratorBytes, calibratorPath);
  await folder.checkUnchanged();

  if (metadata.modelVersion !== version) {
    warnings.push(
      `${folder.path(METADATA_FILE)}: model_version is ${quote(metadata.modelVersion)} in the folder of ${version}; answers carry the former`,
    );
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
    fingerprint: filesFingerprint(listed),
    warnings,
  };
}

/**
 * Whether metadata.json has the checksums of the files used: an error where that is demanded, else a warning where it
 * has only some.
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

/** The files of one version as they were listed, and those of them that have been read. */
class VersionFolder {
  private readonly bytes = new Map<string, Uint8Array>();

  constructor(
    private readonly store: ArtifactStore,
    private readonly version: string,
    private readonly listed: readonly StoredFile[],
    readonly limits: ArtifactLimits,
  ) {}

  path(name: string): string {
    return `${this.store.location}/${this.version}/${name}`;
  }

  has(name: string): boolean {
    return this.listed.some((file) => file.name === name);
  }

  wasRead(name: string): boolean {
    return this.bytes.has(name);
  }

  async read(name: string, maxBytes: number, missing: string): Promise<Uint8Array> {
    const file = this.listed.find((candidate) => candidate.name === name);
    if (file === undefined) throw new ArtifactError(this.path(name), missing);
    const bytes = await this.store.read(this.version, file, maxBytes);
    this.bytes.set(name, bytes);
    return bytes;
  }

  verified(checksums: Metadata['checksums']): ArtifactFile[] {
    return [...this.bytes].map(([name, bytes]) => {
      const actual = sha256(bytes);
      const expected = checksums?.get(name);
      if (expected !== undefined) verifyChecksum({ file: this.path(name), actual, expected });
      return { name, size: bytes.byteLength, sha256: actual, verified: expected !== undefined };
    });
  }

  async checkUnchanged(): Promise<void> {
    const now = await this.store.files(this.version);
    if (filesFingerprint(now) !== filesFingerprint(this.listed)) {
      throw new ArtifactError(`${this.store.location}/${this.version}`, 'changed while it was being read');
    }
  }
}
