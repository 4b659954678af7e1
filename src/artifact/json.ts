/** Parsing of an artifact's JSON files. */
import { ArtifactError } from '../errors.js';
import { FAULTS, describePosition } from '../json/faults.js';
import { type Accepted, readJson } from '../json/reader.js';

export type JsonObject = Record<string, unknown>;

const PYTHON_CONSTANTS: Accepted = { constants: new Set(['NaN', 'Infinity', '-Infinity'] as const) };

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses a UTF-8 JSON file whose top level is an object.
 *
 * Python's json module writes NaN and Infinity, which are not JSON but which the Python service reads; they become null
 * here, and `replaced` counts them.
 * @throws ArtifactError naming `file` and what is wrong with it.
 */
export function parseJsonObject(bytes: Uint8Array, file: string): { value: JsonObject; replaced: number } {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ArtifactError(file, 'is not UTF-8 text', { cause });
  }
  if (text.trim() === '') throw new ArtifactError(file, 'is empty');
  let value: unknown;
  let replaced = 0;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const read = readJson(text, PYTHON_CONSTANTS);
    if ('kind' in read) {
      const place = describePosition(text, read.position);
      throw new ArtifactError(file, `is not JSON at ${place}: ${FAULTS[read.kind]}`, { cause });
    }
    ({ value, constants: replaced } = read);
  }
  if (!isJsonObject(value)) throw new ArtifactError(file, 'is not a JSON object');
  return { value, replaced };
}
