/** Parsing of an artifact's JSON files. */
import { ArtifactError, messageOf } from '../errors.js';

export type JsonObject = Record<string, unknown>;

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
  let replaced = 0;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const strict = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) => {
      if (token.startsWith('"')) return token;
      replaced++;
      return 'null';
    });
    value = replaced > 0 ? parseStrictly(strict, file) : fail(file, cause);
  }
  if (!isJsonObject(value)) throw new ArtifactError(file, 'is not a JSON object');
  return { value, replaced };
}

function parseStrictly(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return fail(file, cause);
  }
}

function fail(file: string, cause: unknown): never {
  // V8 quotes the text around the fault, which may hold line breaks; an error is one line.
  const reason = messageOf(cause).replaceAll(/\s+/g, ' ');
  throw new ArtifactError(file, `is not JSON (${reason})`, { cause });
}
