/** Reading and validation of `metadata.json`. */
import { ArtifactError } from '../errors.js';
import type { CalibratorInput } from './calibrator.js';
import { isJsonObject, type JsonObject, parseJsonObject } from './json.js';
import { quote } from '../quote.js';

/** The contents of `metadata.json`: the fields that this service reads, and all fields unchanged. */
export interface Metadata {
  readonly modelVersion: string;
  readonly calibrationVersion: string;
  readonly featureSetVersion: string | undefined;
  /** What the calibrator was fitted on, where its own file does not say. */
  readonly calibratorInput: CalibratorInput | undefined;
  /** In the model's order; not empty, without duplicates. */
  readonly featureNames: readonly string[];
  /** SHA-256 in lower-case hexadecimal by file name, if the file has `checksums`. */
  readonly checksums: ReadonlyMap<string, string> | undefined;
  readonly fields: Readonly<JsonObject>;
}

const MAX_VERSION_LENGTH = 256;

/**
 * Reads `metadata.json`.
 * @returns the metadata, and warnings about faults that were tolerated.
 * @throws ArtifactError naming `file` and the first field that is wrong.
 */
export function readMetadata(bytes: Uint8Array, file: string): { metadata: Metadata; warnings: string[] } {
  const { value: fields, replaced } = parseJsonObject(bytes, file);
  const warnings =
    replaced > 0
      ? [`${file}: contains NaN or Infinity, which are not JSON; ${replaced} such values were read as null`]
      : [];
  const metadata: Metadata = {
    modelVersion: versionField(fields, 'model_version', file),
    calibrationVersion: versionField(fields, 'calibration_version', file),
    featureSetVersion:
      (fields['feature_set_version'] ?? null) === null ? undefined : versionField(fields, 'feature_set_version', file),
    calibratorInput: calibratorInput(fields['calibrator_input'] ?? undefined, file),
    featureNames: featureNames(fields['feature_names'], file),
    checksums: checksums(fields['checksums'], file),
    fields,
  };
  return { metadata, warnings };
}

function versionField(fields: JsonObject, name: string, file: string): string {
  const value = fields[name];
  if (value === undefined) throw new ArtifactError(file, `${name} is missing`);
  if (typeof value !== 'string' || value.trim() === '' || value.length > MAX_VERSION_LENGTH) {
    throw new ArtifactError(file, `${name} is not a text of 1 to ${MAX_VERSION_LENGTH} characters`);
  }
  return value;
}

function calibratorInput(value: unknown, file: string): CalibratorInput | undefined {
  if (value === undefined || value === 'probability' || value === 'raw') return value;
  throw new ArtifactError(file, `calibrator_input is ${quote(value)}, expected "probability" or "raw"`);
}

function featureNames(value: unknown, file: string): string[] {
  if (value === undefined) throw new ArtifactError(file, 'feature_names is missing');
  if (!Array.isArray(value) || value.length === 0)
    throw new ArtifactError(file, 'feature_names is not a non-empty list of names');
  const names: unknown[] = value;
  const seen = new Set<string>();
  return names.map((name, i) => {
    if (typeof name !== 'string' || name === '') throw new ArtifactError(file, `feature_names[${i}] is not a name`);
    if (seen.has(name)) throw new ArtifactError(file, `${quote(name)} appears twice in feature_names`);
    seen.add(name);
    return name;
  });
}

function checksums(value: unknown, file: string): Map<string, string> | undefined {
  if ((value ?? null) === null) return undefined;
  if (!isJsonObject(value)) throw new ArtifactError(file, 'checksums is not an object of file names and SHA-256 sums');
  const sums = new Map<string, string>();
  for (const [name, sum] of Object.entries(value)) {
    if (!isFileName(name))
      throw new ArtifactError(file, `checksums names ${quote(name)}, which is not a file of this folder`);
    const hex = typeof sum === 'string' ? /^(?:sha256:)?([0-9a-f]{64})$/i.exec(sum)?.[1] : undefined;
    if (hex === undefined) throw new ArtifactError(file, `checksums gives ${name} no SHA-256 in hexadecimal`);
    sums.set(name, hex.toLowerCase());
  }
  return sums;
}

function isFileName(name: string): boolean {
  return /^[^/\\\0]{1,255}$/.test(name) && name !== '.' && name !== '..';
}
