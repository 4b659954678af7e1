/** A model as whoever scores without a server is given it: a version's folder, or just a model text. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ARTIFACT_LIMITS } from './fetch.js';
import { modelIn } from '../artifact/found-files.js';
import { type ModelFile, readModelFile } from './model-file.js';
import type { Calibrator } from '../artifact/calibrator.js';
import { CALIBRATOR_FILES, METADATA_FILE, MODEL_FILE } from '../artifact/files.js';
import { verifyChecksum } from '../artifact/integrity.js';
import { type Metadata, readMetadata } from '../artifact/metadata.js';
import { readCalibrator } from '../artifact/read-calibrator.js';
import { ArtifactError, messageOf } from '../errors.js';
import type { Booster } from '../model/booster.js';
import { parseBooster } from '../model/parse.js';
import { sha256Hex } from '../sha256.js';

export interface ModelText extends ModelFile {
  /** Hexadecimal. */
  readonly sha256: string;
  readonly booster: Booster;
}

export class ModelFolder {
  private constructor(
    readonly folder: string,
    /** Names of the files in the folder; empty if only a model text was given. */
    readonly names: readonly string[],
    /** Path of the model's file. */
    readonly modelFile: string,
  ) {}

  /** @throws ArtifactError if there is no model text */
  static async open(path: string): Promise<ModelFolder> {
    const found = await withReason(path, stat(path));
    if (found.isFile()) return new ModelFolder(dirname(path), [], path);
    const names = await withReason(path, readdir(path));
    const name = modelIn(names);
    if (name === undefined)
      throw new ArtifactError(join(path, MODEL_FILE), `is missing${await versionsIn(path, names)}`);
    return new ModelFolder(path, names, join(path, name));
  }

  /** Whether a folder was given, not only a model text. */
  get isVersion(): boolean {
    return this.names.length > 0;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** @param checksums of the metadata, to verify the text */
  async model(checksums?: Metadata['checksums']): Promise<ModelText> {
    const bytes = await read(this.modelFile, ARTIFACT_LIMITS.model);
    const sum = sha256Hex(bytes);
    const expected = checksums?.get(MODEL_FILE);
    if (expected !== undefined) verifyChecksum({ file: this.modelFile, actual: sum, expected });
    const file = readModelFile(bytes, this.modelFile, ARTIFACT_LIMITS.model);
    return { ...file, sha256: sum, booster: parseBooster(file.text, this.modelFile) };
  }

  /** @returns undefined if there is no metadata.json. @throws ArtifactError if it is invalid */
  async metadata(): Promise<{ readonly metadata: Metadata; readonly warnings: readonly string[] } | undefined> {
    if (!this.names.includes(METADATA_FILE)) return undefined;
    const file = this.path(METADATA_FILE);
    return readMetadata(await read(file, ARTIFACT_LIMITS.metadata), file);
  }

  /** The file name of the calibrator: calibrator.json before calibrator.pkl, undefined if there is neither. */
  get calibratorName(): (typeof CALIBRATOR_FILES)[number] | undefined {
    return CALIBRATOR_FILES.find((name) => this.names.includes(name));
  }

  /**
   * @returns undefined where the file says that there is none
   * @throws ArtifactError if there is no file of a calibrator, or an invalid one
   */
  async calibrator(metadata?: Metadata): Promise<Calibrator | undefined> {
    const name = this.calibratorName;
    if (name === undefined)
      throw new ArtifactError(this.path(CALIBRATOR_FILES[1]), 'is missing, and so is calibrator.json');
    const file = this.path(name);
    const bytes = await read(file, ARTIFACT_LIMITS.calibrator);
    const expected = metadata?.checksums?.get(name);
    if (expected !== undefined) verifyChecksum({ file, actual: sha256Hex(bytes), expected });
    return readCalibrator({ name, bytes, file, input: metadata?.calibratorInput });
  }

  /** Returns the SHA-256 of a file of the folder, hexadecimal. */
  async checksum(name: string): Promise<string> {
    return sha256Hex(await read(this.path(name), ARTIFACT_LIMITS.model));
  }
}

/** Returns a hint for a user who named the folder of all versions. */
async function versionsIn(path: string, names: readonly string[]): Promise<string> {
  const versions: string[] = [];
  for (const name of names.toSorted()) {
    const inside: readonly string[] = await readdir(join(path, name)).catch((error: unknown) => {
      if (error instanceof Error) return [];
      throw error;
    });
    if (modelIn(inside) !== undefined) versions.push(join(path, name));
  }
  return versions.length === 0
    ? ''
    : `; name one version: ${versions.slice(0, 5).join(', ')}${versions.length > 5 ? ', ...' : ''}`;
}

async function read(file: string, maxBytes: number): Promise<Uint8Array> {
  const { size } = await withReason(file, stat(file));
  if (size > maxBytes) throw new ArtifactError(file, `has ${size} bytes, more than the limit of ${maxBytes}`);
  return await withReason(file, readFile(file));
}

/** @throws ArtifactError with the reason for which `operation` failed */
async function withReason<T>(path: string, operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const reason =
      code === 'ENOENT' ? 'does not exist' : code === 'EACCES' ? 'cannot be read: permission denied' : messageOf(cause);
    throw new ArtifactError(path, reason, { cause });
  }
}
